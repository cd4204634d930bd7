//! Where a token is given.

use maud::{Markup, html};

use crate::dashboard::parts::document;

/// The page that asks for a token, to go on to the page that is wanted; `problem` says why the last one
/// was not taken.
pub(crate) fn page(problem: Option<&str>, wanted: &str) -> Markup {
    document(
        "Log in",
        None,
        &html! {
            main.login #main {
                p.brand { "hardline" }
                h1 { "Log in" }
                p.in { "You see the namespaces whose pods your token may list." }
                form method="post" action="/login" {
                    @if let Some(problem) = problem { p.problem role="alert" { (problem) } }
                    label for="token" { "Token" }
                    input #token type="password" name="token" autocomplete="off" required autofocus;
                    input type="hidden" name="to" value=(wanted);
                    button { "Log in" }
                }
                details {
                    summary { "Where to get one" }
                    pre.snippet tabindex="0" { "kubectl create token NAME --namespace NAMESPACE" }
                }
            }
        },
    )
}
