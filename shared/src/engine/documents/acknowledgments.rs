//! Business acknowledgments (997, 999, TA1, CONTRL) that came, matched to the documents that they speak of.

use sluice_as2::edi::{self, Acknowledged, Acknowledgment as Read, Standard, Status};

use super::{DocumentParts, content};
use crate::domain::document::{Acknowledgment, Document, MAX_ACKNOWLEDGMENTS};
use crate::domain::scope::Scope;
use crate::store::StoreError;
use crate::store::documents::KnownBy;

/// The most of one document that are looked up.
const MAX_LOOKED_UP: usize = 50;

impl DocumentParts {
    /// Notes what a document that came acknowledges of those that were sent to its partner.
    pub(super) async fn match_acknowledgments(
        &self,
        scope: &Scope,
        document: &Document,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let Ok(interchanges) = edi::read(bytes) else { return Ok(()) };
        let all = interchanges.iter().flat_map(|one| one.acknowledgments.iter().map(|what| (one.standard, what)));
        let all: Vec<(Standard, &Read)> = all.take(MAX_LOOKED_UP).collect();
        for (standard, read) in all {
            let Some((level, numbers)) = known_by(standard, &read.what) else { continue };
            let by = KnownBy::Number(&document.partner_id, content::standard(standard), level, &numbers);
            let Some(id) = self.documents.known_by(scope, by).await? else { continue };
            let note = acknowledgment(document, read);
            let add = |sent: &mut Document| {
                let known = sent.acknowledgments.contains(&note) || sent.acknowledgments.len() >= MAX_ACKNOWLEDGMENTS;
                if !known {
                    sent.acknowledgments.push(note.clone());
                }
                !known
            };
            self.documents.change(scope, &id, add).await?;
        }
        Ok(())
    }
}

/// The level and the numbers by which the acknowledged document is known: X12 names groups, by kind and number, EDIFACT
/// interchanges.
fn known_by(standard: Standard, what: &Acknowledged) -> Option<(&'static str, Vec<&str>)> {
    match (standard, what) {
        (_, Acknowledged::Interchange { control_number }) => Some(("interchange", vec![control_number.as_str()])),
        (Standard::X12, Acknowledged::Group { kind, control_number, .. }) => {
            Some(("group", vec![kind.as_deref()?, control_number.as_str()]))
        }
        (Standard::X12, Acknowledged::Message { group_kind, group, .. }) => {
            Some(("group", vec![group_kind.as_deref()?, group.as_deref()?]))
        }
        (Standard::Edifact, Acknowledged::Group { interchange, .. } | Acknowledged::Message { interchange, .. }) => {
            Some(("interchange", vec![interchange.as_deref()?]))
        }
    }
}

fn acknowledgment(document: &Document, read: &Read) -> Acknowledgment {
    let (level, control_number) = match &read.what {
        Acknowledged::Interchange { control_number } => ("interchange", control_number),
        Acknowledged::Group { control_number, .. } => ("group", control_number),
        Acknowledged::Message { control_number, .. } => ("message", control_number),
    };
    let status = match read.status {
        Status::Accepted => "accepted",
        Status::AcceptedWithErrors => "accepted_with_errors",
        Status::PartiallyAccepted => "partially_accepted",
        Status::Rejected => "rejected",
        Status::Received => "received",
        Status::Unknown => "unknown",
    };
    Acknowledgment {
        document_id: document.id.clone(),
        level: level.to_owned(),
        control_number: content::printable(control_number),
        status: status.to_owned(),
        code: content::printable(&read.code),
        at: document.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_known_by_its_kind_too() {
        let document =
            b"ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *261127*1001*U*00401*000000007*0*P*>~\
GS*FA*THEM*US*20261127*1001*7*X*004010~ST*997*0001~AK1*IN*77~AK2*810*0001~AK5*A~AK9*A*1*1*1~SE*6*0001~\
ST*997*0002~AK1*SH*77~AK9*A*1*1*1~SE*4*0002~GE*2*7~IEA*1*000000007~";
        let read = edi::read(document).expect("X12").remove(0);
        let known: Vec<_> = read.acknowledgments.iter().map(|one| known_by(Standard::X12, &one.what)).collect();
        let group = |kind| Some(("group", vec![kind, "77"]));
        assert_eq!(known, [group("IN"), group("IN"), group("SH")]);
    }
}
