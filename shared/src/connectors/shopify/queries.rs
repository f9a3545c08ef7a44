//! The queries and mutations that are sent.

use super::Entity;

/// The shop's name.
pub(super) const SHOP: &str = "{ shop { name } }";

/// A page of orders.
const ORDERS: &str = "query Orders($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes {
      id legacyResourceId name email phone note tags test poNumber currencyCode
      createdAt updatedAt processedAt cancelledAt closedAt displayFinancialStatus displayFulfillmentStatus
      totalPriceSet { shopMoney { amount currencyCode } }
      subtotalPriceSet { shopMoney { amount currencyCode } }
      totalTaxSet { shopMoney { amount currencyCode } }
      totalShippingPriceSet { shopMoney { amount currencyCode } }
      totalDiscountsSet { shopMoney { amount currencyCode } }
      customer { id firstName lastName displayName }
      billingAddress { name company address1 address2 zip city provinceCode countryCodeV2 phone }
      shippingAddress { name company address1 address2 zip city provinceCode countryCodeV2 phone }
      customAttributes { key value }
      lineItems(first: 50) { nodes { ...Item } pageInfo { hasNextPage endCursor } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
";

/// The other lines of an order.
const LINE_ITEMS: &str = "query LineItems($id: ID!, $after: String) {
  node(id: $id) { ... on Order {
    lineItems(first: 100, after: $after) { nodes { ...Item } pageInfo { hasNextPage endCursor } }
  } }
}
";

const LINE_ITEM: &str = "fragment Item on LineItem {
  id sku title variantTitle vendor quantity currentQuantity requiresShipping taxable
  originalUnitPriceSet { shopMoney { amount currencyCode } }
  discountedTotalSet { shopMoney { amount currencyCode } }
  product { id } variant { id }
  customAttributes { key value }
}
";

/// A page of products.
const PRODUCTS: &str = "query Products($first: Int!, $after: String, $query: String) {
  products(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes {
      id legacyResourceId handle title status vendor productType tags descriptionHtml totalInventory
      createdAt updatedAt publishedAt
      options { name values }
      variants(first: 50) { nodes { ...Item } pageInfo { hasNextPage endCursor } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
";

/// The other variants of a product.
const VARIANTS: &str = "query Variants($id: ID!, $after: String) {
  node(id: $id) { ... on Product {
    variants(first: 100, after: $after) { nodes { ...Item } pageInfo { hasNextPage endCursor } }
  } }
}
";

const VARIANT: &str = "fragment Item on ProductVariant {
  id sku barcode title price compareAtPrice inventoryQuantity createdAt updatedAt
  selectedOptions { name value }
  inventoryItem { id tracked }
}
";

/// Creates a product or updates it.
pub(super) const PRODUCT_SET: &str =
    "mutation ProductSet($input: ProductSetInput!, $identifier: ProductSetIdentifiers) {
  productSet(input: $input, identifier: $identifier, synchronous: true) {
    product { id }
    userErrors { field message code }
  }
}
";

/// Updates an order.
pub(super) const ORDER_UPDATE: &str = "mutation OrderUpdate($input: OrderInput!) {
  orderUpdate(input: $input) {
    order { id }
    userErrors { field message }
  }
}
";

impl Entity {
    /// Asks for a page of records.
    pub(super) fn page_query(self) -> String {
        match self {
            Self::Order => format!("{ORDERS}{LINE_ITEM}"),
            Self::Product => format!("{PRODUCTS}{VARIANT}"),
        }
    }

    /// Asks for the rest of a record's list.
    pub(super) fn list_query(self) -> String {
        match self {
            Self::Order => format!("{LINE_ITEMS}{LINE_ITEM}"),
            Self::Product => format!("{VARIANTS}{VARIANT}"),
        }
    }
}
