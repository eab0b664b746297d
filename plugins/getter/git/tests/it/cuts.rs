//! Connections that end at every byte: what was there before is there, and nothing else.

use k1s_getter_git::{GitError, Limits, PackFault, WireError};

use crate::making::{Place, revision};
use crate::packs::{id, repository, tree};
use crate::script::{GREETING, Script, Then, message, packed, packet};

fn is_cut(error: &GitError) -> bool {
    matches!(error, GitError::Wire(WireError::Cut) | GitError::Pack(PackFault::Cut))
}

#[tokio::test]
async fn a_greeting_or_a_list_that_is_cut_is_none() {
    let id = "0123456789abcdef0123456789abcdef01234567";
    let answer = message(&[&format!("{id} refs/heads/main"), &format!("{id} refs/tags/main")]);
    let whole = Script::answering(answer);
    let greeting = message(GREETING);
    for (name, length) in [("greeting", greeting.len()), ("answer", whole.answer.len())] {
        for at in 0..length {
            let mut script = whole.clone();
            match name {
                "greeting" => script.greeting.truncate(at),
                _ => script.answer.truncate(at),
            }
            let error = script.remote().resolve(&[revision("main")]).await.unwrap_err();
            assert!(is_cut(&error), "{name} at {at}: {error}");
        }
    }
    assert!(whole.remote().resolve(&[revision("main")]).await.unwrap()[0].is_ok());
}

#[tokio::test]
async fn a_pack_that_is_cut_leaves_nothing() {
    let place = Place::new();
    let (pack, target) = repository(&[tree(&[("100644", b"a.yaml", id("blob", b"a"))])]);
    let mut answer = [packet(b"shallow-info\n"), b"0001".to_vec(), packed(&pack)].concat();
    let all = answer.clone();
    while answer.pop().is_some() {
        let mut remote = Script::answering(answer.clone()).remote();
        let error = remote.fetch(&place.cache, &target, None).await.unwrap_err();
        assert!(is_cut(&error), "at {}: {error}", answer.len());
    }
    // Cut inside the pack and ended as if that were all.
    for at in (0..pack.len()).step_by(7) {
        let mut remote = Script::answering(packed(&pack[..at])).remote();
        let error = remote.fetch(&place.cache, &target, None).await.unwrap_err();
        assert!(is_cut(&error), "ended at {at}: {error}");
    }
    assert!(
        !place
            .cache
            .objects(&Limits::default())
            .unwrap()
            .has(&target.commit)
            .unwrap()
    );

    // Whatever comes behind the end does not matter.
    let script = Script {
        then: Then::Silence,
        ..Script::answering(all)
    };
    script.remote().fetch(&place.cache, &target, None).await.unwrap();
}
