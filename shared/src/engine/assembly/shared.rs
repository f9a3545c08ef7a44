//! The parts that several others share.

use std::sync::Arc;

use super::{Tools, edges};
use crate::engine::announcer::Announcer;
use crate::engine::courier::Courier;
use crate::engine::documents::{DocumentParts, Outbox, ReceiptSender};
use crate::engine::finder::EventFinder;
use crate::engine::health::Health;
use crate::engine::publish::Publisher;
use crate::engine::room::{Entrance, Room};
use crate::engine::transitions::Transitions;
use crate::engine::undelivered::Undelivered;
use crate::outbound::{As2Client, PartnerKind, SftpClient};
use crate::store::Stores;

/// The bytes of documents that are worked on at once, each way: at least two of the largest. Each stands in memory up to
/// five times.
const DOCUMENT_BYTES: usize = 64 * 1024 * 1024;
/// Large documents and messages read at once: nobody has said who sends a message.
const DOCUMENT_READERS: usize = 12;

pub(super) struct Shared {
    pub(super) courier: Courier,
    pub(super) transitions: Transitions,
    pub(super) health: Health,
    pub(super) undelivered: Undelivered,
    pub(super) finder: EventFinder,
    pub(super) announcer: Announcer,
    pub(super) documents: DocumentParts,
    pub(super) receipts: ReceiptSender,
}

impl Shared {
    /// Over these tools and records.
    pub(super) fn new(tools: &Tools, stores: &Stores) -> Self {
        let Tools { queues, destinations, settings, ports, .. } = tools;
        let (routes, journal) = (stores.routes.clone(), stores.journal.clone());
        let publisher = Publisher::new(stores, queues.clone(), ports.clone(), settings.log_grace);
        let document_bytes = DOCUMENT_BYTES.max(2 * settings.document_max_bytes);
        let documents = DocumentParts {
            documents: stores.documents.clone(),
            partners: stores.partners.clone(),
            identities: stores.identities.clone(),
            vault: destinations.vault().clone(),
            publisher: publisher.clone(),
            claims: stores.claims.clone(),
            transactions: stores.transactions.clone(),
            max_bytes: settings.document_max_bytes,
            entrance: Entrance::new(DOCUMENT_READERS, document_bytes),
            ports: ports.clone(),
        };
        let outbox = Outbox {
            parts: documents.clone(),
            reach: settings.reach,
            sftp: SftpClient::new(settings.reach, settings.request_timeout),
            room: Room::new(document_bytes),
        };
        let client = As2Client::new(settings.reach);
        let partner = PartnerKind::new(destinations.settings(), client.clone(), Arc::new(outbox));
        let receipts = ReceiptSender {
            parts: documents.clone(),
            client,
            reach: settings.reach,
            timeout: settings.request_timeout,
        };
        let announcer = Announcer { publisher, routes: routes.clone() };
        let transitions = Transitions {
            edges: edges(tools, stores),
            routes,
            journal: journal.clone(),
            announcer: announcer.clone(),
            ports: ports.clone(),
        };
        Self {
            documents,
            receipts,
            courier: Courier::new(destinations.clone().with(|_| partner), ports.clone()),
            health: Health { transitions: transitions.clone(), policy: settings.health.clone() },
            transitions,
            undelivered: Undelivered { letters: stores.letters.clone(), journal, announcer: announcer.clone() },
            announcer,
            finder: EventFinder::new(stores.log.clone(), stores.claims.clone()),
        }
    }
}
