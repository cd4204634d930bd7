//! What all pages of hardline have in common: their look, and how text gets into them.

use std::fmt::{self, Write as _};

use hardline_core::visible::visible;

/// The look of every page.
pub const STYLE: &str = include_str!("page/page.css");

/// A number with a comma before every three digits.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    digits.char_indices().flat_map(|(at, digit)| comma(at).then_some(',').into_iter().chain([digit])).collect()
}

/// The Markdown of rules' documentation: headings, paragraphs, examples.
pub fn markdown(text: &str) -> String {
    let mut html = String::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut in_code = false;
    for line in text.lines().chain([""]) {
        let ends = line.is_empty() || line.starts_with("```") || line.starts_with('#');
        if !in_code && ends && !paragraph.is_empty() {
            let _ = writeln!(html, "<p>{}</p>", Prose(&paragraph.join(" ")));
            paragraph.clear();
        }
        if line.starts_with("```") {
            in_code = !in_code;
            html.push_str(if in_code { "<pre>" } else { "</pre>\n" });
        } else if in_code {
            let _ = match line.split_once("# finding") {
                Some((bad, after)) => {
                    let (indent, bad) = bad.split_at(bad.len() - bad.trim_start().len());
                    let (bad, gap) = bad.split_at(bad.trim_end().len());
                    writeln!(html, "{indent}<mark>{}</mark>{gap}# finding{}", Html(bad), Html(after))
                }
                None => writeln!(html, "{}", Html(line)),
            };
        } else if let Some(heading) = line.strip_prefix('#') {
            let _ = writeln!(html, "<h4>{}</h4>", Prose(heading.trim_start_matches('#').trim()));
        } else if !ends {
            paragraph.push(line);
        }
    }
    html
}

/// Text from manifests, in which nothing is a mark, and nothing hides or reorders what follows.
pub struct Html<'a>(pub &'a str);

impl fmt::Display for Html<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        visible(self.0).chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            other => f.write_char(other),
        })
    }
}

/// The same, where what stands between backticks is code.
pub struct Prose<'a>(pub &'a str);

impl fmt::Display for Prose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.0.split('`').collect();
        // With an odd number of backticks nobody knows which of them belong together.
        if parts.len() % 2 == 0 {
            return Html(self.0).fmt(f);
        }
        parts.into_iter().enumerate().try_for_each(|(at, part)| match at % 2 {
            1 => write!(f, "<code>{}</code>", Html(part)),
            _ => Html(part).fmt(f),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markup() {
        assert_eq!(Prose("a `<b>` & \"c\"").to_string(), "a <code>&lt;b&gt;</code> &amp; &quot;c&quot;");
        assert_eq!(Prose("`<i>").to_string(), "`&lt;i&gt;");
    }

    #[test]
    fn numbers_are_short_to_read() {
        assert_eq!([0, 12, 1_234, 1_234_567].map(grouped), ["0", "12", "1,234", "1,234,567"]);
    }

    #[test]
    fn examples_mark_their_findings() {
        let html = markdown("Flags `x`\nand y.\n\n## Why\nBecause.\n```yaml bad\n  a: <b> # finding\n```\n");
        assert_eq!(
            html,
            "<p>Flags <code>x</code> and y.</p>\n<h4>Why</h4>\n<p>Because.</p>\n<pre>  <mark>a: &lt;b&gt;</mark> # finding\n</pre>\n"
        );
    }
}
