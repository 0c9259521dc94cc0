//! Taking records in.

use connect_api::{budget::Reservation, error::Result, record::SinkRecord};

use super::HttpTask;
use crate::{ledger::Became, request::Open};

impl HttpTask {
    /// Makes requests from records and puts them in the line.
    pub(super) async fn accept(&mut self, batch: &[SinkRecord]) -> Result<()> {
        let mut open: Option<Open> = None;
        for record in batch {
            if !self.ledger.enter(&record.origin, record.offset) {
                continue;
            }
            match self.renderer.wanted(record) {
                Ok(None) => self.ledger.finish(&record.origin, record.offset, Became::default()),
                Ok(Some(wanted)) => {
                    let refused = match &mut open {
                        Some(open) => self.renderer.add(open, wanted, record).err(),
                        None => Some(wanted),
                    };
                    if let Some(wanted) = refused {
                        let next =
                            self.renderer.open(wanted, record, self.context.reporter.is_some());
                        self.close(open.replace(next));
                    }
                }
                Err(error) => {
                    // What came before it is sent before it.
                    self.close(open.take());
                    self.unsendable(record, error).await?;
                }
            }
        }
        self.close(open);
        Ok(())
    }

    fn close(&mut self, open: Option<Open>) {
        let Some(open) = open else { return };
        let mut draft = self.renderer.close(open);
        draft.epoch = self.ledger.epoch(&draft.origin);
        let body = draft.request.body.as_ref().map_or(0, bytes::Bytes::len);
        draft.reservation = self.hold(body + draft.request.url.len());
        self.line.push(draft);
    }

    /// Counts memory for what is here already: where there is none, what gives way is what would come
    /// next.
    pub(super) fn hold(&mut self, bytes: usize) -> Option<Reservation> {
        if bytes == 0 {
            return None;
        }
        let held = self.context.budget.reserve(bytes);
        if held.is_none() {
            self.lacking = self.lacking.max(bytes);
        }
        held
    }

    /// Whether memory lacks. With nothing in hand none can be waited for.
    pub(super) fn is_pinched(&mut self) -> bool {
        let is_relieved = self.lacking > 0
            && (self.ledger.len() == 0 || self.context.budget.reserve(self.lacking).is_some());
        if is_relieved {
            self.lacking = 0;
        }
        self.lacking > 0
    }
}
