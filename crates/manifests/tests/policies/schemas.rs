//! Kubernetes would accept every object.

use devservers::tools::Validator;
use manifests::Overlay;

#[test]
fn every_object_is_valid_for_three_versions_of_kubernetes() {
    let validator = Validator::find_or_install().unwrap();
    let versions = validator.newest(3).unwrap();
    assert_eq!(versions.len(), 3, "{versions:?}");
    for overlay in Overlay::ALL {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rendered.yaml");
        std::fs::write(&file, overlay.render().unwrap()).unwrap();
        let objects = overlay.read().unwrap().objects().len();
        for version in &versions {
            let output = validator
                .command()
                .args(["--strict", "--kubernetes-version", version])
                .arg(&file)
                .output()
                .unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(
                output.status.success(),
                "{overlay:?} for {version}:\n{said}"
            );
            let passed = said.matches("passed for resource").count();
            assert_eq!(passed, objects, "{overlay:?} for {version}:\n{said}");
        }
    }
}
