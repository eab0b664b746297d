//! Watching a folder: from what the system says about it to what is sent, while the session lasts.
//!
//! `lookout` hears the system, `agenda` decides what is due, `look` reads what is of `interest` and sends what became of
//! it, `rivals` remembers who else declares a key, and `vigil` is the loop around them. What cannot be told from
//! notifications (lost events, a root that came back) is told by listing everything again.

mod agenda;
mod interest;
mod look;
mod lookout;
mod rivals;
mod told;
mod vigil;

pub(crate) use interest::Interest;
pub(crate) use lookout::Lookout;
pub(crate) use rivals::Rivals;
pub(crate) use vigil::keep;
