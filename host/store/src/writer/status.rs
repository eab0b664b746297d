//! Remembers how sources fare, and writes only news.

use k1s_sync_engine::id::SourceName;

use crate::engine::EngineError;
use crate::place;
use crate::row::SourceRow;
use crate::status::{OffenceRow, PassRow, StatusNote, StatusRow, TroubleRow};
use crate::table::Table;
use crate::writer::transaction::Transaction;

impl Transaction<'_> {
    /// Takes a note of a source.
    pub(crate) fn note(&mut self, source: &SourceName, note: StatusNote) -> Result<(), EngineError> {
        let place = place::source(source);
        let before: StatusRow = self.get(Table::Status, &place)?.unwrap_or_default();
        let mut after = before.clone();
        match note {
            StatusNote::Plugin(plugin) => after.plugin = Some(plugin),
            StatusNote::Pass(pass) => {
                after.trouble = None;
                let ended = self.now();
                let is_news = before.pass.as_ref().is_none_or(|last| !last.is_repeated_by(&pass));
                if is_news {
                    after.pass = Some(PassRow { ended, ..pass });
                }
            }
            StatusNote::Recovered => after.trouble = None,
            StatusNote::Offences(offences) => return self.note_offences(source, &offences),
            StatusNote::Trouble(standstill, problem) => {
                let since = before.trouble.as_ref().map_or(self.now(), |trouble| trouble.since);
                after.trouble = Some(TroubleRow {
                    standstill,
                    problem,
                    since,
                });
            }
        }
        if after == before {
            return Ok(());
        }
        self.put(Table::Status, &place, &after)
    }

    fn note_offences(&mut self, source: &SourceName, offences: &OffenceRow) -> Result<(), EngineError> {
        if offences.violations == 0 && offences.quarantined.is_none() {
            return self.pardon(source);
        }
        let place = place::source(source);
        if self.get::<OffenceRow>(Table::Offences, &place)?.as_ref() == Some(offences) {
            return Ok(());
        }
        self.put(Table::Offences, &place, offences)
    }

    /// Forgets how often a source broke the contract.
    pub(crate) fn pardon(&mut self, source: &SourceName) -> Result<(), EngineError> {
        let place = place::source(source);
        match self.get_bytes(Table::Offences, &place)? {
            Some(_) => self.delete(Table::Offences, &place),
            None => Ok(()),
        }
    }

    /// Notes that objects changed because of a source.
    pub(crate) fn note_change(&mut self, source: &SourceName) -> Result<(), EngineError> {
        let place = place::source(source);
        let before: SourceRow = self.get(Table::Sources, &place)?.unwrap_or_default();
        let after = SourceRow {
            changed: Some(self.now()),
            ..before.clone()
        };
        if after == before {
            return Ok(());
        }
        self.put(Table::Sources, &place, &after)
    }
}
