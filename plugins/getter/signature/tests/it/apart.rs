//! Commits and tags as git takes them apart.

use k1s_getter_signature::limits::{OBJECT_BYTES, SIGNATURE_BYTES};
use k1s_getter_signature::{Format, Signed, SignedError};

use crate::fixtures::Fixture;

const HEAD: &str = "tree 1\nauthor A <a@b> 5 +0000\ncommitter C <c@d> 7 +0100\n";
const SSH: &str = "gpgsig -----BEGIN SSH SIGNATURE-----\n AAAA\n -----END SSH SIGNATURE-----\n";

#[test]
fn what_was_signed_is_the_commit_without_its_signature() {
    let signed = Signed::commit(format!("{HEAD}{SSH}encoding latin1\n\nsubject\n\n gpgsig x\n").as_bytes());
    let signed = signed.unwrap().unwrap();
    let payload = format!("{HEAD}encoding latin1\n\nsubject\n\n gpgsig x\n");
    assert_eq!(signed.payload(), payload.as_bytes());
    assert_eq!(
        signed.signature(),
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"
    );
    assert_eq!((signed.format(), signed.made()), (Format::Ssh, 7));
}

#[test]
fn the_signature_of_the_other_form_was_not_signed() {
    let other = "gpgsig-sha256 -----BEGIN SSH SIGNATURE-----\n BBBB\n";
    let signed = Signed::commit(format!("{HEAD}{other}{SSH}\nsubject\n").as_bytes())
        .unwrap()
        .unwrap();
    assert_eq!(signed.payload(), format!("{HEAD}\nsubject\n").as_bytes());
    // Any other header was signed, whatever its name begins with.
    let signed = Signed::commit(format!("{HEAD}gpgsigned no\n{SSH}\nsubject\n").as_bytes())
        .unwrap()
        .unwrap();
    assert_eq!(signed.payload(), format!("{HEAD}gpgsigned no\n\nsubject\n").as_bytes());
}

#[test]
fn a_tag_ends_with_its_signature() {
    let text = "object 1\ntype commit\ntag v1\ntagger T <t@u> 9 -0330\n\nv1\n";
    let signature = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";
    let signed = Signed::tag(format!("{text}{signature}").as_bytes()).unwrap().unwrap();
    assert_eq!((signed.payload(), signed.signature()), (text.as_bytes(), signature));
    assert_eq!((signed.format(), signed.made()), (Format::Pgp, 9));
    assert_eq!(Signed::tag(text.as_bytes()), Ok(None));
    // A tag within the message of another would be found by whoever looks for the last.
    let twice = Signed::tag(format!("{text}{signature}{signature}").as_bytes());
    assert_eq!(twice, Err(SignedError::Several));
}

#[test]
fn what_cannot_be_taken_apart_is_refused() {
    let x509 = "gpgsig -----BEGIN SIGNED MESSAGE-----\n AAAA\n";
    let unknown = "gpgsig -----BEGIN POEM-----\n AAAA\n";
    let long = format!(
        "gpgsig -----BEGIN SSH SIGNATURE-----\n {}\n",
        "A".repeat(SIGNATURE_BYTES)
    );
    for (object, expected) in [
        (format!("{HEAD}{SSH}{SSH}\n"), SignedError::Several),
        (format!("{HEAD}{x509}\n"), SignedError::X509),
        (format!("{HEAD}{unknown}\n"), SignedError::Unknown),
        (format!("{HEAD}gpgsig \n"), SignedError::Unknown),
        (format!("tree 1\n{SSH}\n"), SignedError::NoTime),
        (
            format!("tree 1\ncommitter C <c@d> soon +0000\n{SSH}\n"),
            SignedError::NoTime,
        ),
        (format!("{HEAD}{long}\n"), SignedError::TooLong(SIGNATURE_BYTES)),
        ("x".repeat(OBJECT_BYTES + 1), SignedError::TooLong(OBJECT_BYTES)),
    ] {
        assert_eq!(Signed::commit(object.as_bytes()), Err(expected), "{:.200}", object);
    }
    let not_text = [HEAD.as_bytes(), b"gpgsig -----BEGIN SSH SIGNATURE-----\n \xff\n\n"].concat();
    assert_eq!(Signed::commit(&not_text), Err(SignedError::NotText));
    assert_eq!(
        Signed::tag("x".repeat(OBJECT_BYTES + 1).as_bytes()),
        Err(SignedError::TooLong(OBJECT_BYTES))
    );
}

#[test]
fn what_git_made_is_taken_apart_without_loss() {
    for fixture in Fixture::all() {
        let Some(signed) = fixture.apart(&fixture.object).unwrap() else {
            continue;
        };
        let payload = String::from_utf8(signed.payload().to_vec()).unwrap();
        let whole = String::from_utf8(fixture.object.clone()).unwrap();
        let again = if fixture.is_tag {
            format!("{payload}{}", signed.signature())
        } else {
            let (head, body) = payload.split_once("\n\n").unwrap();
            let header = signed.signature().trim_end().replace('\n', "\n ");
            // GnuPG's end with a line of their own, which git keeps.
            let tail = if signed.signature().ends_with("\n\n") {
                "\n "
            } else {
                ""
            };
            format!("{head}\ngpgsig {header}{tail}\n\n{body}")
        };
        assert_eq!(again, whole, "{}", fixture.name);
    }
}
