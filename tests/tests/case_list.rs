//! docs/cases.md says which test keeps which fault away, docs/security.md which test fails when a claim breaks; a test that
//! is renamed or removed must not leave them behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

#[test]
fn every_test_that_the_list_of_cases_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/cases.md")).unwrap();
    let mut named = 0;
    for entry in page.lines().flat_map(|line| line.split("; ")).flat_map(|part| part.split(" | ")) {
        let Some((file, test)) = entry.trim().trim_end_matches(" |").rsplit_once("`: `") else { continue };
        let file = file.rsplit('`').next().unwrap();
        let test = test.trim_end_matches('`');
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        // `make test-packages` and `make test-vm` make claims.
        let wanted = if file.ends_with(".py") { test.to_owned() } else { format!("fn {test}(") };
        assert!(text.contains(&wanted), "{file} has no test {test}");
        named += 1;
    }
    assert!(named >= 96, "only {named} tests are named");
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let mut named = 0;
    for quoted in page.split('`').skip(1).step_by(2) {
        let Some((file, test)) = quoted.split_once(".rs: ") else { continue };
        // The page's own example.
        if file == "file" {
            continue;
        }
        let folder = if file.contains('/') { "" } else { "tests/tests/" };
        let file = root.join(format!("{folder}{file}.rs"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{quoted}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{} has no test {test}", file.display());
        named += 1;
    }
    assert!(named >= 60, "only {named} tests are named");
}
