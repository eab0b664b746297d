//! `kubectl wait`, which lists and watches as controllers do.

use k1s_tests::program::Running;
use k1s_tests::scene::DEADLINE;

use crate::shop::{SOURCE, Shop, file, setting};

/// Starts to wait for something in namespace `many`.
fn wait(shop: &Shop, arguments: &[&str]) -> anyhow::Result<Running> {
    shop.client
        .start([&["wait", "-n", "many", "--timeout=100s"], arguments].concat())
}

fn met(waiting: Running, told: &str) -> anyhow::Result<()> {
    let finished = waiting.wait(DEADLINE)?.expect_code(0)?;
    assert_eq!((finished.stdout.trim_end(), finished.stderr.as_str()), (told, ""));
    Ok(())
}

#[test]
fn waits_end_when_files_say_so() -> anyhow::Result<()> {
    let mut shop = Shop::open()?;
    let value = wait(&shop, &["--for=jsonpath={.data.value}=2", "cm/s-01"])?;
    let gone = wait(&shop, &["--for=delete", "cm/s-02"])?;
    let made = wait(&shop, &["--for=create", "cm/s-30"])?;
    shop.edit(1, "2")?;
    shop.remove(2)?;
    shop.daemon.scene.write(&file(30), &setting(30, "1"))?;
    met(value, "configmap/s-01 condition met")?;
    met(gone, "configmap/s-02 condition met")?;
    met(made, "configmap/s-30 condition met")
}

#[test]
fn what_is_so_already_needs_no_waiting() -> anyhow::Result<()> {
    let shop = Shop::open()?;
    met(
        wait(&shop, &["--for=condition=Ready", &format!("source/{SOURCE}")])?,
        &format!("source.sync.k1s.io/{SOURCE} condition met"),
    )?;
    met(wait(&shop, &["--for=delete", "cm/nobody"])?, "")?;
    met(
        wait(&shop, &["--for=jsonpath={.data.value}=1", "cm/s-01"])?,
        "configmap/s-01 condition met",
    )?;
    let late = shop
        .client
        .run(["wait", "-n", "many", "--timeout=1s", "--for=delete", "cm/s-03"])?;
    let late = late.expect_code(1)?;
    // Its client may note before that the watch was cut short.
    assert_eq!(
        late.stderr.lines().last(),
        Some("error: timed out waiting for the condition on configmaps/s-03")
    );
    Ok(())
}
