//! The opening of a session: what the host says before the source may list.
//!
//! Pure. Begin first and once, then any Known and Resume, then Ready; anything else is refused.

use std::collections::BTreeMap;

use k1s_source_proto::v1::{self, begin::Mode, host_message::Message};
use prost::bytes::Bytes;
use tonic::Status;

use crate::{Known, Scope};

/// What the host said of one scope.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) known: Known,
    pub(crate) token: Option<Bytes>,
}

/// What the host said in all.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) mode: Mode,
    pub(crate) told_by_scope: BTreeMap<Scope, Told>,
}

/// Where the opening is.
#[derive(Debug, Default)]
pub(crate) enum Opening {
    /// Nothing was said.
    #[default]
    New,
    /// Begin was said.
    Begun(Opened),
}

/// What to do after a message.
#[derive(Debug)]
pub(crate) enum Step {
    Wait(Opening),
    Open(Opened),
}

impl Opening {
    pub(crate) fn accept(self, message: v1::HostMessage) -> Result<Step, Status> {
        match (self, message.message) {
            (Self::New, Some(Message::Begin(begin))) => {
                let mode = match begin.mode() {
                    Mode::Unspecified | Mode::Full => Mode::Full,
                    mode @ (Mode::Resume | Mode::Once) => mode,
                };
                Ok(Step::Wait(Self::Begun(Opened {
                    mode,
                    told_by_scope: BTreeMap::new(),
                })))
            }
            (Self::New, _) => Err(Status::failed_precondition("the first message is Begin")),
            (Self::Begun(_), Some(Message::Begin(_))) => Err(Status::failed_precondition("Begin was sent twice")),
            (Self::Begun(mut opened), Some(Message::Known(known))) => {
                let told = opened.told(known.scope);
                known.objects.into_iter().for_each(|object| told.known.told(object));
                Ok(Step::Wait(Self::Begun(opened)))
            }
            (Self::Begun(mut opened), Some(Message::Resume(resume))) => {
                opened.told(resume.scope).token = Some(resume.token);
                Ok(Step::Wait(Self::Begun(opened)))
            }
            (Self::Begun(opened), Some(Message::Ready(_))) => Ok(Step::Open(opened)),
            // A message of a later minor version has no meaning here and is no error.
            (Self::Begun(opened), None) => Ok(Step::Wait(Self::Begun(opened))),
            (Self::Begun(_), Some(Message::Ack(_) | Message::Nack(_) | Message::Pause(_) | Message::Continue(_))) => {
                Err(Status::failed_precondition(
                    "before Ready only Known and Resume may be sent",
                ))
            }
        }
    }
}

impl Opened {
    fn told(&mut self, scope: String) -> &mut Told {
        self.told_by_scope.entry(Scope::new(scope)).or_default()
    }
}

#[cfg(test)]
mod tests {
    use k1s_source_proto::KnownObject;

    use super::*;

    fn message(message: Message) -> v1::HostMessage {
        v1::HostMessage { message: Some(message) }
    }

    fn begin(mode: Mode) -> v1::HostMessage {
        message(Message::Begin(v1::Begin {
            mode: mode.into(),
            traceparent: String::new(),
        }))
    }

    fn play(messages: Vec<v1::HostMessage>) -> Result<Option<Opened>, Status> {
        let mut opening = Opening::New;
        for message in messages {
            match opening.accept(message)? {
                Step::Wait(next) => opening = next,
                Step::Open(opened) => return Ok(Some(opened)),
            }
        }
        Ok(None)
    }

    #[test]
    fn known_and_resume_are_kept_by_scope() {
        let key = v1::Key {
            kind: "ConfigMap".into(),
            name: "a".into(),
            ..Default::default()
        };
        let object = KnownObject::new(["", "ConfigMap", "", "a"], "v", "p");
        let opened = play(vec![
            begin(Mode::Resume),
            message(Message::Known(v1::Known {
                scope: "x".into(),
                objects: vec![object],
                last: true,
            })),
            message(Message::Resume(v1::Resume {
                scope: "y".into(),
                token: Bytes::from_static(b"t"),
            })),
            v1::HostMessage { message: None },
            message(Message::Ready(v1::Ready {})),
        ]);
        let opened = opened.unwrap().unwrap();
        assert_eq!(opened.mode, Mode::Resume);
        assert_eq!(opened.told_by_scope[&Scope::new("x")].known.version(&key), Some("v"));
        assert_eq!(opened.told_by_scope[&Scope::new("y")].token.as_deref(), Some(&b"t"[..]));
    }

    #[test]
    fn every_other_order_is_refused() {
        let ready = || message(Message::Ready(v1::Ready {}));
        let wrong = [
            vec![ready()],
            vec![v1::HostMessage { message: None }],
            vec![begin(Mode::Full), begin(Mode::Full)],
            vec![begin(Mode::Full), message(Message::Pause(v1::Pause {}))],
            vec![begin(Mode::Full), message(Message::Continue(v1::Continue {}))],
            vec![begin(Mode::Full), message(Message::Ack(v1::Ack { through_seq: 1 }))],
            vec![begin(Mode::Full), message(Message::Nack(v1::Nack::default()))],
        ];
        for messages in wrong {
            let said = format!("{messages:?}");
            let status = play(messages).expect_err(&said);
            assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{said}");
        }
        assert!(play(vec![begin(Mode::Unspecified)]).unwrap().is_none());
    }
}
