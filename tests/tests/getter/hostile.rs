//! M01, M04: manifests that were made to hurt, and others that would have something read.

use std::fs;

use anyhow::ensure;
use k1s_tests::hostile::{Answer, FILES, write};
use k1s_tests::scene::{Scene, config_map};
use serde_json::json;

use crate::stage::{Stage, values};

#[test]
fn m01_cve_2022_31016_2023_40584_a_hostile_file_fails_by_itself() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    write(&scene.manifests(), &scene.outside("outside.yaml"))?;
    for (name, text) in [
        ("good.yaml", config_map("good", "1")),
        ("bom.yaml", format!("\u{feff}{}", config_map("bom", "1"))),
        ("crlf.yaml", config_map("crlf", "1").replace('\n', "\r\n")),
        ("tabs.yaml", config_map("tabs", "1").replace("  ", "\t")),
    ] {
        scene.write(name, &text)?;
    }
    let stage = Stage::over(scene, json!({"source": "./manifests"}))?;
    let run = stage.once(1)?;
    assert_eq!(values(&stage.scene)?, ["bom=1", "crlf=1", "good=1"]);
    ensure!(run.stdout.contains("tabs.yaml:"), "{}", run.stdout);
    for file in FILES {
        // A link is told as such, and is no failure.
        let Answer::Failed { code, line } = file.answer else {
            continue;
        };
        if file.name == "outside.yaml" {
            continue;
        }
        let place = line.map_or_else(|| file.name.to_owned(), |line| format!("{}:{line}", file.name));
        let told = run.stdout.lines().find(|told| told.contains(&place));
        ensure!(
            told.is_some_and(|told| told.contains(code)),
            "{code} at {place}: {}",
            run.stdout
        );
    }
    Ok(())
}

#[test]
fn m04_cve_2022_24877_2022_24878_a_kustomization_reads_nothing() -> anyhow::Result<()> {
    let scene = Scene::new()?;
    fs::write(scene.outside("secret"), "canary: nobody-reads-me\n")?;
    scene.write("good.yaml", &config_map("good", "1"))?;
    scene.write(
        "kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../secret, /etc/passwd]\nconfigMapGenerator:\n- name: stolen\n  files: [../secret]\nsecretGenerator:\n- {name: stolen, envs: [../../secret]}\n",
    )?;
    let stage = Stage::over(scene, json!({"source": "./manifests"}))?;
    let finished = k1s_tests::program::run(
        &mut stage.command(&stage.scene.data_dir(), &["--once"])?,
        k1s_tests::scene::DEADLINE,
    )?;
    let all = stage.scene.host(&["get", "configmaps,secrets", "-A", "-o", "yaml"])?;
    let said = finished.stdout + &finished.stderr + &all.stdout;
    ensure!(!said.contains("nobody-reads-me") && !said.contains("stolen"), "{said}");
    assert_eq!(values(&stage.scene)?, ["good=1"]);
    Ok(())
}
