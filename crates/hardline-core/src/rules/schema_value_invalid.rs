use crate::declare_rule;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};

declare_rule! {
    /// Flags a value of the right type that the API server does not take.
    ///
    /// That is a word that is none of a field's choices, a port or count out of range, a name, label or
    /// key with forbidden characters, a moment or Base64 text that cannot be read, and fields that do not
    /// agree with each other: a mount of a volume that the pod lacks, two containers of one name, a
    /// `nodePort` where the Service has none. Custom resources are held to the `pattern`, `format` and
    /// bounds of their definition, not to its rules in CEL. Of amounts, `quantity-invalid` speaks.
    ///
    /// ## Why
    /// The API server refuses the whole object. What was meant to run does not, and what ran before
    /// stays.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    ///   labels:
    ///     app: "shop front" # finding
    /// spec:
    ///   restartPolicy: Sometimes # finding
    ///   containers:
    ///     - name: shop
    ///       image: example.com/shop:1.4
    ///       ports:
    ///         - containerPort: 80800 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: shop
    ///   labels:
    ///     app: shop-front
    /// spec:
    ///   restartPolicy: OnFailure
    ///   containers:
    ///     - name: shop
    ///       image: example.com/shop:1.4
    ///       ports:
    ///         - containerPort: 8080
    /// ```
    "schema-value-invalid" {
        summary: "value is not allowed",
        help: "write a value that the field allows",
        category: Category::Manifest,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Schema,
    }
}
