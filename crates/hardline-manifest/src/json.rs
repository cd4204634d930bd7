//! JSON (RFC 8259) with the span of every key and value.

use std::sync::Arc;

use hardline_core::scalar::parse_float;
use hardline_core::source::{Source, Span};
use hardline_core::tree::{BuildError, Limits, Style, Tree, TreeBuilder};

use crate::document::Problem;

/// Reads a text that is one JSON value and nothing else, such as the body of a request. Unlike
/// [`document::parse`](crate::document::parse) it takes no YAML for it.
pub fn read(source: &Arc<Source>, limits: Limits) -> std::result::Result<Arc<Tree>, Problem> {
    read_whole(source, limits, false)
}

/// As [`read`], but for `metadata.managedFields`: who wrote which field last is of no concern to rules,
/// and often half of an object. What is passed over is looked at for strings and brackets only.
pub fn read_without_managers(source: &Arc<Source>, limits: Limits) -> std::result::Result<Arc<Tree>, Problem> {
    read_whole(source, limits, true)
}

fn read_whole(source: &Arc<Source>, limits: Limits, lean: bool) -> std::result::Result<Arc<Tree>, Problem> {
    let text = source.text.as_str();
    if u32::try_from(text.len()).is_err() {
        return Err(Problem::new("text of 4 GiB and more is not read", Span::at(0)));
    }
    let mut builder = TreeBuilder::new(source.clone(), limits);
    builder.begin_document();
    let mut reader = Reader { text, at: skip_space(text, 0), builder: &mut builder, unescaped: String::new(), lean };
    reader.value(false).map_err(|refused| match refused {
        Refused::Syntax(problem) | Refused::Value(problem) => problem,
    })?;
    let end = skip_space(text, reader.at);
    builder.end_document();
    if end < text.len() {
        return Err(Problem::new("something follows the value", Span::at(end)));
    }
    Ok(Arc::new(builder.finish().0))
}

/// Why a text is not read as JSON.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The text is no JSON. It may still be YAML, whose flow style looks alike.
    Syntax(Problem),
    /// The text is JSON, but no value that can be stored.
    Value(Problem),
}

type Result<T = ()> = std::result::Result<T, Refused>;

/// Reads the value that starts at an offset into the builder, and gives the offset past it.
pub(crate) fn parse(text: &str, at: usize, builder: &mut TreeBuilder) -> Result<usize> {
    let mut reader = Reader { text, at, builder, unescaped: String::new(), lean: false };
    reader.value(false)?;
    Ok(reader.at)
}

/// The offset of the next byte that is no white space, or the end.
pub(crate) fn skip_space(text: &str, at: usize) -> usize {
    let rest = &text.as_bytes()[at..];
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

struct Reader<'t, 'b> {
    text: &'t str,
    at: usize,
    builder: &'b mut TreeBuilder,
    /// Room for the text of one string.
    unescaped: String,
    /// Whether to leave out who manages fields.
    lean: bool,
}

/// How the API server writes the key of the list of managers.
const MANAGERS: &str = r#""managedFields":["#;

impl Reader<'_, '_> {
    fn value(&mut self, is_metadata: bool) -> Result {
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.object(is_metadata),
            Some(b'[') => self.array(),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'a'..=b'z') => {
                let rest = &self.text[start..];
                let Some(literal) = ["true", "false", "null"].into_iter().find(|literal| rest.starts_with(literal))
                else {
                    return Err(self.expected("a value"));
                };
                self.at += literal.len();
                self.add_written(start, Style::Plain)
            }
            _ => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, is_metadata: bool) -> Result {
        let opened = self.builder.begin_map(self.at as u32, true);
        self.built(opened, self.at)?;
        self.at += 1;
        self.space();
        if !self.close(b'}') {
            loop {
                if self.lean && is_metadata && self.text[self.at..].starts_with(MANAGERS) {
                    self.at += MANAGERS.len() - 1;
                    self.pass()?;
                } else {
                    self.entry()?;
                }
                self.space();
                if self.close(b'}') {
                    break;
                }
                self.comma("`,` or `}`")?;
            }
        }
        Ok(())
    }

    fn entry(&mut self) -> Result {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.expected("a key in double quotes"));
        }
        self.string()?;
        let is_metadata = &self.text[start..self.at] == r#""metadata""#;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.expected("`:`"));
        }
        self.at += 1;
        self.space();
        self.value(is_metadata)
    }

    /// Passes a collection.
    fn pass(&mut self) -> Result {
        let bytes = self.text.as_bytes();
        let (mut at, mut depth) = (self.at, 0_usize);
        loop {
            match bytes.get(at) {
                Some(b'[' | b'{') => depth += 1,
                Some(b']' | b'}') => depth = depth.saturating_sub(1),
                Some(b'"') => {
                    at += 1;
                    // To the closing quote.
                    loop {
                        match bytes.get(at) {
                            Some(b'"') | None => break,
                            Some(b'\\') => at += 2,
                            Some(_) => at += 1,
                        }
                    }
                }
                Some(_) => {}
                None => return Err(syntax("the list is not closed", self.at)),
            }
            at += 1;
            if depth == 0 {
                self.at = at;
                return Ok(());
            }
        }
    }

    fn array(&mut self) -> Result {
        let opened = self.builder.begin_seq(self.at as u32, true);
        self.built(opened, self.at)?;
        self.at += 1;
        self.space();
        if !self.close(b']') {
            loop {
                self.value(false)?;
                self.space();
                if self.close(b']') {
                    break;
                }
                self.comma("`,` or `]`")?;
            }
        }
        Ok(())
    }

    /// Passes a closing bracket, if it is next.
    fn close(&mut self, bracket: u8) -> bool {
        let closes = self.peek() == Some(bracket);
        if closes {
            self.at += 1;
            self.builder.end_flow(self.at as u32);
        }
        closes
    }

    fn comma(&mut self, expected: &str) -> Result {
        if self.peek() != Some(b',') {
            return Err(self.expected(expected));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    fn string(&mut self) -> Result {
        let start = self.at;
        self.at += 1;
        self.unescaped.clear();
        let mut escaped = false;
        let mut run = self.at;
        loop {
            let bytes = self.text.as_bytes();
            let plain = bytes[self.at..].iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let Some(plain) = plain else {
                return Err(syntax("the string is not closed", start));
            };
            self.at += plain;
            match bytes[self.at] {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.unescaped.push_str(&self.text[run..self.at]);
                    self.escape()?;
                    run = self.at;
                }
                b'\n' => return Err(syntax("the string is not closed on its line", start)),
                byte => {
                    return Err(syntax(format!("the control character U+{byte:04X} must be escaped"), self.at));
                }
            }
        }
        let last = self.at;
        self.at += 1;
        if !escaped {
            return self.add_written(start, Style::Text);
        }
        self.unescaped.push_str(&self.text[run..last]);
        let text = std::mem::take(&mut self.unescaped);
        let added = self.builder.scalar_with_text(start as u32, self.at as u32, Style::Text, false, &text);
        self.unescaped = text;
        self.built(added, start)
    }

    /// Undoes the escape that starts here. Half a surrogate pair becomes U+FFFD, as in Go.
    fn escape(&mut self) -> Result {
        let start = self.at;
        let character = match self.text.as_bytes().get(start + 1) {
            Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let high = self.code_unit(start)?;
                self.at = start + 6;
                let mut pair = [high, 0];
                let is_pair = (0xD800..0xDC00).contains(&high) && self.text[self.at..].starts_with("\\u") && {
                    pair[1] = self.code_unit(self.at)?;
                    (0xDC00..0xE000).contains(&pair[1])
                };
                let units = if is_pair { &pair[..] } else { &pair[..1] };
                self.at += if is_pair { 6 } else { 0 };
                let decoded = char::decode_utf16(units.iter().copied()).next();
                self.unescaped.push(decoded.and_then(std::result::Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER));
                return Ok(());
            }
            _ => return Err(syntax("JSON has no such escape", start)),
        };
        self.unescaped.push(character);
        self.at += 2;
        Ok(())
    }

    /// The UTF-16 code unit of the `\u` escape at an offset.
    fn code_unit(&self, at: usize) -> Result<u16> {
        let digits = self.text.get(at + 2..at + 6).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        digits
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .ok_or_else(|| syntax("`\\u` needs four hexadecimal digits", at))
    }

    fn number(&mut self) -> Result {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let whole = self.digits()?;
        if whole > 1 && self.text.as_bytes()[self.at - whole] == b'0' {
            return Err(syntax("a number must not begin with 0", start));
        }
        let is_integer = !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        let written = &self.text[start..self.at];
        if !is_integer && parse_float(written).is_none() {
            let error = BuildError::NotFinite(written.to_owned());
            return self.built(Err(error), start);
        }
        self.add_written(start, Style::Plain)
    }

    fn digits(&mut self) -> Result<usize> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 { Err(self.expected("a digit")) } else { Ok(digits) }
    }

    /// Adds the scalar that reaches from an offset to here.
    fn add_written(&mut self, start: usize, style: Style) -> Result {
        let added = self.builder.scalar(start as u32, self.at as u32, style);
        self.built(added, start)
    }

    fn built(&self, result: std::result::Result<(), BuildError>, start: usize) -> Result {
        let span = Span::new(start as u32, self.at.max(start) as u32);
        result.map_err(|error| Refused::Value(Problem::new(error.to_string(), span)))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        self.at = skip_space(self.text, self.at);
    }

    fn expected(&self, expected: &str) -> Refused {
        let message = match self.text[self.at..].chars().next() {
            Some('\n' | '\r') => format!("expected {expected}, found the end of the line"),
            Some(found) => format!("expected {expected}, found `{found}`"),
            None => format!("expected {expected}, found the end of the text"),
        };
        syntax(message, self.at)
    }
}

fn syntax(message: impl Into<String>, at: usize) -> Refused {
    Refused::Syntax(Problem::new(message, Span::at(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_managers(text: &str) -> std::result::Result<serde_json::Value, Problem> {
        let tree = read_without_managers(&Arc::new(Source::new("", text)), Limits::default())?;
        Ok(tree.roots().next().unwrap().to_json())
    }

    #[test]
    fn managers_are_passed_over_and_nothing_else_is() {
        for (text, left) in [
            (r#"{"metadata":{"managedFields":[{"a":{"b]\"}\\":"ü"}},[]],"name":"x"}}"#, r#"{"metadata":{"name":"x"}}"#),
            (r#"{"metadata":{"name":"x","managedFields":[]}}"#, r#"{"metadata":{"name":"x"}}"#),
            (r#"{"data":{"managedFields":["kept"]}}"#, r#"{"data":{"managedFields":["kept"]}}"#),
            (r#"{"metadata":{"managedFields":null}}"#, r#"{"metadata":{"managedFields":null}}"#),
            (r#"{"metadata":[{"managedFields":["kept"]}]}"#, r#"{"metadata":[{"managedFields":["kept"]}]}"#),
        ] {
            let left: serde_json::Value = serde_json::from_str(left).unwrap();
            assert_eq!(without_managers(text).unwrap(), left, "{text}");
        }
        for cut_off in [
            r#"{"metadata":{"managedFields":[{"#,
            r#"{"metadata":{"managedFields":["\"#,
            r#"{"metadata":{"managedFields":[]"#,
        ] {
            assert!(without_managers(cut_off).is_err(), "{cut_off}");
        }
    }
}
