//! What a host writes down about each launch, so that the next host can find what it left behind.

use std::fs;
use std::io;
use std::path::Path;

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::nonce::Nonce;
use crate::process_table::StartTime;

/// Name of the record inside the directory of its launch.
pub(crate) const RECORD_FILE: &str = "launch.json";
const NEW_RECORD_FILE: &str = "launch.json.new";

/// Names the group of one launch; without a leader the host died before it could write that down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaunchRecord {
    pub(crate) nonce: Nonce,
    pub(crate) leader: Option<RecordedLeader>,
}

/// The process that was started, whose number is also that of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordedLeader {
    pub(crate) pid: Pid,
    pub(crate) start_time: Option<StartTime>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordFile {
    nonce: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pid: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_time: Option<StartTime>,
}

impl LaunchRecord {
    /// Writes the record into `directory` in one step, replacing an earlier one.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let file = RecordFile {
            nonce: self.nonce.as_str().to_owned(),
            pid: self.leader.map(|leader| leader.pid.as_raw_nonzero().get()),
            start_time: self.leader.and_then(|leader| leader.start_time),
        };
        let new = directory.join(NEW_RECORD_FILE);
        fs::write(&new, serde_json::to_vec(&file)?)?;
        fs::rename(new, directory.join(RECORD_FILE))
    }

    /// Reads the record of `directory`; `None` if there is none, `InvalidData` if it is not one of ours.
    pub(crate) fn read(directory: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(directory.join(RECORD_FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let file: RecordFile = serde_json::from_slice(&text)?;
        let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not the record of a launch");
        let nonce = Nonce::parse(&file.nonce).ok_or_else(invalid)?;
        let leader = match file.pid {
            Some(pid) => {
                let pid = Some(pid)
                    .filter(|pid| *pid > 1)
                    .and_then(Pid::from_raw)
                    .ok_or_else(invalid)?;
                Some(RecordedLeader {
                    pid,
                    start_time: file.start_time,
                })
            }
            None => None,
        };
        Ok(Some(Self { nonce, leader }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_back_as_written() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(LaunchRecord::read(directory.path()).unwrap(), None);
        let leader = RecordedLeader {
            pid: Pid::from_raw(77).unwrap(),
            start_time: serde_json::from_str("5").ok(),
        };
        for leader in [None, Some(leader)] {
            let record = LaunchRecord {
                nonce: Nonce::random().unwrap(),
                leader,
            };
            record.write(directory.path()).unwrap();
            assert_eq!(LaunchRecord::read(directory.path()).unwrap(), Some(record));
        }
    }

    #[test]
    fn what_is_not_a_record_is_never_a_process() {
        let directory = tempfile::tempdir().unwrap();
        let nonce = "0".repeat(64);
        let wrong = [
            String::new(),
            "{}".to_owned(),
            "{\"nonce\":\"\",\"pid\":7}".to_owned(),
            format!("{{\"nonce\":\"{nonce}\",\"pid\":0}}"),
            format!("{{\"nonce\":\"{nonce}\",\"pid\":1}}"),
            format!("{{\"nonce\":\"{nonce}\",\"pid\":-7}}"),
            format!("{{\"nonce\":\"{nonce}\",\"pid\":7,\"more\":1}}"),
        ];
        for text in wrong {
            fs::write(directory.path().join(RECORD_FILE), &text).unwrap();
            assert_eq!(
                LaunchRecord::read(directory.path()).unwrap_err().kind(),
                read_error(&text),
                "{text}"
            );
        }
    }

    fn read_error(text: &str) -> io::ErrorKind {
        if text.is_empty() {
            io::ErrorKind::UnexpectedEof
        } else {
            io::ErrorKind::InvalidData
        }
    }
}
