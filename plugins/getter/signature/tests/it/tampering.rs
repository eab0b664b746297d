//! Whatever is changed, a signature counts only over what was signed.

use k1s_getter_signature::{Signed, Signers};
use proptest::prelude::*;

use crate::fixtures::{Fixture, NOW, bytes, everyone, text};

/// Those whose signature is good, and the names of those who signed.
fn good() -> Vec<(Fixture, Signed)> {
    let signers = everyone();
    let all = Fixture::all().into_iter().filter(|fixture| fixture.is_good);
    let all = all.map(|fixture| {
        let signed = fixture.signed();
        (fixture, signed)
    });
    let all: Vec<_> = all.filter(|(_, signed)| signers.verify(signed, NOW).is_ok()).collect();
    assert!(all.len() >= 10);
    all
}

#[test]
fn no_byte_of_what_was_signed_can_be_changed() {
    let signers = everyone();
    for (fixture, signed) in good() {
        // Each byte of one of a kind, for it takes its time.
        let step = if ["ssh-ed25519", "pgp-ed25519"].contains(&fixture.name.as_str()) {
            1
        } else {
            17
        };
        for at in (0..fixture.object.len()).step_by(step) {
            let mut object = fixture.object.clone();
            *object.get_mut(at).unwrap() ^= 1;
            let Ok(Some(changed)) = fixture.apart(&object) else {
                continue;
            };
            if signers.verify(&changed, NOW).is_ok() {
                assert_eq!(changed.payload(), signed.payload(), "{} at {at}", fixture.name);
            }
        }
    }
}

#[test]
fn a_signature_does_not_go_with_another_object() {
    let signers = everyone();
    let all = good();
    for (one, of_one) in &all {
        for (other, of_other) in &all {
            if one.name == other.name || of_one.payload() == of_other.payload() {
                continue;
            }
            let header = of_one.signature().trim_end().replace('\n', "\n ");
            let payload = String::from_utf8(of_other.payload().to_vec()).unwrap();
            let object = if other.is_tag {
                format!("{payload}{}", of_one.signature())
            } else {
                payload.replacen("\n\n", &format!("\ngpgsig {header}\n\n"), 1)
            };
            let mixed = other.apart(object.as_bytes()).unwrap().unwrap();
            assert!(
                signers.verify(&mixed, NOW).is_err(),
                "{} under {}",
                one.name,
                other.name
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_changed_counts_for_nothing(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let all = Fixture::all();
        let fixture = which.get(&all);
        let mut object = fixture.object.clone();
        for (at, byte, how) in changes {
            let at = at.index(object.len());
            match how {
                0 => object[at] = byte,
                1 => object.insert(at, byte),
                _ => drop(object.drain(at..(at + usize::from(byte)).min(object.len() - 1))),
            }
        }
        if let Ok(Some(changed)) = fixture.apart(&object)
            && everyone().verify(&changed, NOW).is_ok()
        {
            let signed = fixture.signed();
            prop_assert_eq!(changed.payload(), signed.payload());
        }
    }

    #[test]
    fn a_damaged_file_of_signers_never_trusts_more(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let stranger = [Fixture::named("ssh-stranger").signed(), Fixture::named("pgp-stranger").signed()];
        let mut signers = Signers::nobody();
        let mut keyring = bytes("keyring.gpg");
        let at_byte = at.index(keyring.len());
        keyring[at_byte] = byte;
        let mut lines = text("allowed_signers").into_bytes();
        let at_byte = at.index(lines.len());
        lines[at_byte] = byte;
        drop(signers.allow_pgp(&keyring));
        if let Ok(lines) = String::from_utf8(lines) {
            drop(signers.allow_ssh(&lines));
        }
        for signed in &stranger {
            prop_assert!(signers.verify(signed, NOW).is_err());
        }
    }
}
