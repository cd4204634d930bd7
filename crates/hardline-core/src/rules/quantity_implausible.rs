use crate::cel::Cel;
use crate::declare_rule;
use crate::demand::{self, Bound, Dimension};
use crate::finding::Sink;
use crate::profile::Profile;
use crate::quantity::Quantity;
use crate::rule::{Category, Check, Severity};
use crate::workload::{Container, Role};

declare_rule! {
    /// Flags requests and limits that are valid but cannot be meant: memory below one mebibyte,
    /// CPU of a hundred cores and more.
    ///
    /// ## Why
    /// `256m` of memory is a quarter of a byte: `m` stands for thousandths. A container with such
    /// a limit cannot even be created. `500` of CPU is five hundred cores: a pod that fits on no
    /// node and stays pending for ever. Both pass every schema.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           cpu: 500 # finding
    ///           memory: 256m # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: checkout
    /// spec:
    ///   containers:
    ///     - name: checkout
    ///       image: example.com/checkout:1.4
    ///       resources:
    ///         requests:
    ///           cpu: 500m
    ///           memory: 256Mi
    /// ```
    "quantity-implausible" {
        summary: "request or limit has the wrong unit",
        help: "write memory with Mi or Gi, and CPU in cores or with m for thousandths of one",
        category: Category::Capacity,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "!(has(container.targetContainerName)) && ['requests', 'limits'].exists(bound, \
             [container.?resources[?bound].?memory.orValue('1Gi')].exists(memory, \
             quantity(string(memory)).isLessThan(quantity('1Mi')) && \
             quantity(string(memory)).isGreaterThan(quantity('0'))) || \
             !quantity(string(container.?resources[?bound].?cpu.orValue('1'))).isLessThan(quantity('100')))",
        )),
    }
}

/// No container runs in less.
const LEAST_MEMORY: i64 = 1 << 20;
/// Few nodes have as many cores, and no typical container uses them.
const MOST_CORES: i64 = 100;

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if container.role == Role::Ephemeral {
        return;
    }
    for bound in Bound::ALL {
        for dimension in Dimension::ALL {
            let Some(value) = demand::written(container, bound, dimension) else { continue };
            let Ok(quantity) = Quantity::of(value) else { continue };
            let text = value.raw();
            let message = match dimension {
                Dimension::Memory
                    if !quantity.is_zero() && !quantity.is_negative() && quantity.bytes() < LEAST_MEMORY =>
                {
                    let bytes = quantity.bytes();
                    format!("memory of `{text}` is {bytes} byte{}", if bytes == 1 { "" } else { "s" })
                }
                Dimension::Cpu if quantity >= Quantity::of_count(MOST_CORES) => {
                    format!("CPU of `{text}` is {} cores", quantity.millicores() / 1000)
                }
                _ => continue,
            };
            sink.report(
                demand::path(container, bound, dimension),
                format!("{message} for container `{}`", container.name()),
            );
        }
    }
}
