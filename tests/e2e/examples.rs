//! The examples of the README, beside what Kubernetes itself says of them.

use crate::plane;
use crate::run::{hardline, root, run};

#[test]
fn kubernetes_takes_what_hardline_refuses() {
    let plane = plane::with_namespace("shop");
    for (example, verdict) in [("examples/3am", 1), ("examples/3am-fixed", 0)] {
        let apply = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename", example];
        run(plane.kubectl(&apply).current_dir(root())).succeeds();
        run(&mut hardline(&["check", example])).exits(verdict);
    }
}
