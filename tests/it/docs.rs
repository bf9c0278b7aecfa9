//! What the documents say about the tests.

use std::{fs, path::Path};

/// Every test that `docs/asvs.md` names is there, so that no row outlives what shows it.
#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("docs/asvs.md")).unwrap();
    let named: Vec<_> =
        text.split('`').skip(1).step_by(2).filter_map(|span| span.rsplit_once("::")).collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    for (place, name) in named {
        let file = if place.contains('/') { place.to_owned() } else { format!("tests/it/{place}.rs") };
        let code = fs::read_to_string(root.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let test = code.split("#[test]").skip(1).any(|after| {
            after
                .lines()
                .find(|line| line.contains("fn "))
                .is_some_and(|line| line.contains(&format!("fn {name}(")))
        });
        assert!(test, "{file} has no test {name}");
    }
}
