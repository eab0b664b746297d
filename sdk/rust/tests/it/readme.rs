//! The README's source is the example that the other tests run.

#[test]
fn the_source_in_the_readme_is_the_example_and_short() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../../examples/csv.rs");
    let source = readme
        .split("```rust,no_run\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let (first_line, rest) = example.split_once('\n').unwrap();
    assert!(first_line.starts_with("//! "));
    assert_eq!(source, rest);
    assert!(source.lines().count() <= 40, "{} lines", source.lines().count());
    assert!(readme.lines().all(|line| line.chars().count() <= 120));
}
