//! The control plane that tests share.

use std::sync::LazyLock;

use hardline_controlplane::ControlPlane;

use crate::run::run;

/// With controllers, scheduler and three nodes. It ends with the tests.
pub(crate) fn shared() -> &'static ControlPlane {
    static SHARED: LazyLock<ControlPlane> =
        LazyLock::new(|| ControlPlane::setup().controllers().scheduler().nodes(3).start().unwrap());
    &SHARED
}

/// The shared control plane, with a namespace of that name, which no other test may use.
pub(crate) fn with_namespace(name: &str) -> &'static ControlPlane {
    let plane = shared();
    run(&mut plane.kubectl(&["create", "namespace", name])).succeeds();
    plane
        .until("its service account exists", |plane| {
            plane.expect("GET", &format!("/api/v1/namespaces/{name}/serviceaccounts/default"), None).is_ok()
        })
        .unwrap();
    plane
}
