//! What the events speak of.

pub(crate) const FIRST: [&str; 32] = [
    "Anna", "Mehmet", "Chiara", "Jonas", "Priya", "Luca", "Fatima", "Oskar", "Yuki", "Marta", "Pierre", "Ingrid", "Tomás",
    "Elif", "Niklas", "Zofia", "Samuel", "Leila", "Björn", "Camille", "Dmitri", "Hannah", "Rafael", "Aiko", "Sven", "Noor",
    "Giulia", "Matteo", "Clara", "Ahmed", "Sofie", "Viktor",
];
pub(crate) const LAST: [&str; 32] = [
    "Müller", "Rossi", "Yılmaz", "Lindqvist", "Patel", "Dubois", "Nowak", "Tanaka", "García", "Okafor", "Jansen", "Kovács",
    "Andersson", "Bianchi", "Schneider", "Moreau", "Fischer", "Kowalska", "Silva", "Haddad", "Weber", "Novák", "Petrov",
    "Larsen", "Romero", "Keller", "Demir", "Marchetti", "Hoffmann", "Sato", "Virtanen", "Costa",
];
pub(crate) const STREETS: [&str; 20] = [
    "Lindenallee", "Via Garibaldi", "Rue de la République", "Hauptstraße", "Calle Mayor", "Storgatan", "Kirchweg", "Mill Lane",
    "Bahnhofstraße", "Avenue Foch", "Corso Italia", "Nørregade", "Station Road", "Plaza del Sol", "Goethestraße", "Kungsgatan",
    "Quai des Brumes", "Viale Roma", "Ringstraße", "Church Street",
];
pub(crate) const CITIES: [(&str, &str); 20] = [
    ("Berlin", "DE"), ("Milano", "IT"), ("Lyon", "FR"), ("Stockholm", "SE"), ("Madrid", "ES"), ("København", "DK"),
    ("Wien", "AT"), ("Kraków", "PL"), ("Porto", "PT"), ("Rotterdam", "NL"), ("Gent", "BE"), ("Zürich", "CH"), ("Leeds", "GB"),
    ("Brno", "CZ"), ("Torino", "IT"), ("Hamburg", "DE"), ("Bordeaux", "FR"), ("Malmö", "SE"), ("Sevilla", "ES"), ("Graz", "AT"),
];
pub(crate) const ADJECTIVES: [&str; 24] = [
    "organic", "slim", "quilted", "waterproof", "hand-made", "striped", "recycled", "merino", "oversized", "cropped", "brushed",
    "vintage", "lightweight", "insulated", "pleated", "cable-knit", "stretch", "linen", "washed", "padded", "reversible",
    "tapered", "seamless", "textured",
];
pub(crate) const NOUNS: [&str; 24] = [
    "jacket", "T-shirt", "chinos", "sneakers", "cardigan", "backpack", "scarf", "dress", "hoodie", "belt", "blazer", "shorts",
    "skirt", "parka", "loafers", "beanie", "shirt", "jeans", "sandals", "gloves", "coat", "polo", "leggings", "tote bag",
];
pub(crate) const COLOURS: [&str; 16] = [
    "navy", "black", "off-white", "olive", "burgundy", "sand", "charcoal", "teal", "rust", "lilac", "mustard", "sky", "forest",
    "grey", "coral", "indigo",
];
pub(crate) const CARRIERS: [&str; 8] = ["DHL", "UPS", "GLS", "PostNord", "DPD", "Colissimo", "FedEx", "Correos"];
pub(crate) const REMARKS: [&str; 40] = [
    "please", "leave", "parcel", "with", "neighbour", "if", "nobody", "answers", "customer", "asked", "for", "an", "invoice",
    "by", "mail", "gift", "wrapping", "and", "card", "call", "before", "delivery", "second", "floor", "left", "door", "partial",
    "shipment", "is", "fine", "returned", "size", "too", "small", "exchange", "agreed", "price", "matched", "in", "store",
];
