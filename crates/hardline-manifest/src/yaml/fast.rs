//! The YAML that manifests are written in, at the speed of JSON.
//!
//! This reader knows block maps and sequences, scalars of every style, and flow collections on one
//! line. Whatever else it meets — anchors, tags, rare escapes, tabs, directives, anything that may
//! be an error — it leaves to [`complete`](super::complete), so it never has to explain what is
//! wrong. What it does read it
//! reads exactly as the complete reader: a test and a fuzz target compare the two.

use hardline_core::tree::{BuildError, Style, TreeBuilder};

/// The document holds something that this reader does not know.
#[derive(Debug)]
pub(crate) struct Unfamiliar;

impl From<BuildError> for Unfamiliar {
    /// The complete reader meets the same limit, and says where.
    fn from(_: BuildError) -> Self {
        Self
    }
}

type Result<T = ()> = std::result::Result<T, Unfamiliar>;

/// Reads one document into the builder. `range` are byte offsets in `text`.
pub(crate) fn parse(text: &str, range: (usize, usize), builder: &mut TreeBuilder) -> Result {
    let mut scanner =
        Scanner { text: &text.as_bytes()[..range.1], at: range.0, column: 0, changed: String::new(), builder };
    let rest = &scanner.text[scanner.at..];
    // Behind this check a carriage return always begins the end of a line.
    if memchr::memchr_iter(b'\r', rest).any(|at| rest.get(at + 1) != Some(&b'\n')) {
        return Err(Unfamiliar);
    }
    // The complete reader refuses byte order marks outside of quotes.
    if memchr::memmem::find(rest, "\u{feff}".as_bytes()).is_some() {
        return Err(Unfamiliar);
    }
    if rest.starts_with(b"---") {
        scanner.at += 3;
        scanner.end_of_line()?;
    }
    scanner.next_content()?;
    if scanner.column == NOTHING {
        return Ok(());
    }
    scanner.block_node(NOTHING)?;
    if scanner.column == NOTHING { Ok(()) } else { Err(Unfamiliar) }
}

/// The column of what comes after the last line: less than that of any node.
const NOTHING: usize = 0;

/// A key longer than this, in bytes, may be refused.
const LONG_KEY: usize = 1000;

/// The parent of a scalar that may not go on in a second line: nothing is indented deeper.
const ONE_LINE: usize = usize::MAX;

struct Scanner<'t, 'b> {
    /// The source up to the document's end.
    text: &'t [u8],
    /// The offset of what is read next.
    at: usize,
    /// The column, from 1, of the first character that is no blank in the line read next, once
    /// [`Scanner::next_content`] has found it.
    column: usize,
    /// The text of the scalar scanned last, where it is not the source's.
    changed: String,
    builder: &'b mut TreeBuilder,
}

/// A scalar that is no block. It is added before the next one is scanned.
#[derive(Clone, Copy)]
struct Scalar {
    start: usize,
    end: usize,
    style: Style,
    /// Whether its text is in [`Scanner::changed`].
    changed: bool,
}

impl Scanner<'_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    fn skip_spaces(&mut self) -> usize {
        let from = self.at;
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
        self.at - from
    }

    /// Passes the rest of a line, which may hold a comment only.
    fn end_of_line(&mut self) -> Result {
        let spaces = self.skip_spaces();
        match self.peek() {
            None => return Ok(()),
            Some(b'\n' | b'\r') => {}
            Some(b'#') if spaces > 0 => {}
            _ => return Err(Unfamiliar),
        }
        self.skip_line();
        Ok(())
    }

    /// Goes to the start of the next line.
    fn skip_line(&mut self) {
        self.at = memchr::memchr(b'\n', &self.text[self.at..]).map_or(self.text.len(), |length| self.at + length + 1);
    }

    /// Goes from the start of a line to the next character that is neither blank nor in a comment.
    fn next_content(&mut self) -> Result {
        loop {
            let line = self.at;
            let indent = self.skip_spaces();
            match self.peek() {
                None => {
                    self.column = NOTHING;
                    return Ok(());
                }
                Some(b'\n' | b'\r' | b'#') => self.skip_line(),
                Some(b'.') if indent == 0 && self.text[line..].starts_with(b"...") => return Err(Unfamiliar),
                Some(_) => {
                    self.column = indent + 1;
                    return Ok(());
                }
            }
        }
    }

    /// Whether a `- ` is next.
    fn at_dash(&self) -> bool {
        self.peek() == Some(b'-') && matches!(self.peek_at(1), None | Some(b' ' | b'\n' | b'\r'))
    }

    /// Reads the node that starts here, at the column of its line. `parent` is the column of the
    /// collection it is in.
    fn block_node(&mut self, parent: usize) -> Result {
        let column = self.column;
        if self.at_dash() {
            return self.block_seq(column);
        }
        if matches!(self.peek(), Some(b'[' | b'{' | b'|' | b'>')) {
            return self.value(parent);
        }
        let scalar = self.scalar(parent)?;
        if !self.at_colon() {
            return self.finish_scalar(scalar, parent);
        }
        if self.text[scalar.start..scalar.end].contains(&b'\n') {
            return Err(Unfamiliar);
        }
        self.block_map(column, scalar)
    }

    /// Whether a colon that ends a key is next.
    fn at_colon(&self) -> bool {
        self.peek() == Some(b':') && matches!(self.peek_at(1), None | Some(b' ' | b'\n' | b'\r'))
    }

    /// Reads a map at a column whose first key has been scanned.
    fn block_map(&mut self, column: usize, mut key: Scalar) -> Result {
        self.builder.begin_map(key.start as u32, false)?;
        loop {
            if key.end - key.start > LONG_KEY {
                return Err(Unfamiliar);
            }
            self.add(key)?;
            // Over the colon.
            self.at += 1;
            let colon = self.at;
            self.skip_spaces();
            if matches!(self.peek(), None | Some(b'\n' | b'\r' | b'#')) {
                self.at = colon;
                self.end_of_line()?;
                self.next_content()?;
                if self.column > column || (self.column == column && self.at_dash()) {
                    self.block_node(column)?;
                } else {
                    self.builder.scalar(colon as u32, colon as u32, Style::Plain)?;
                }
            } else {
                self.value(column)?;
            }
            if self.column < column {
                break;
            }
            if self.column > column || self.at_dash() {
                return Err(Unfamiliar);
            }
            key = self.scalar(ONE_LINE)?;
            if !self.at_colon() {
                return Err(Unfamiliar);
            }
        }
        self.builder.end_block();
        Ok(())
    }

    fn block_seq(&mut self, column: usize) -> Result {
        self.builder.begin_seq(self.at as u32, false)?;
        loop {
            // Over the dash.
            self.at += 1;
            let dash = self.at;
            let spaces = self.skip_spaces();
            if matches!(self.peek(), None | Some(b'\n' | b'\r' | b'#')) {
                self.at = dash;
                self.end_of_line()?;
                self.next_content()?;
                if self.column > column {
                    self.block_node(column)?;
                } else {
                    self.builder.scalar(dash as u32, dash as u32, Style::Plain)?;
                }
            } else {
                self.column = column + 1 + spaces;
                self.block_node(column)?;
            }
            if self.column < column || (self.column == column && !self.at_dash()) {
                break;
            }
            if self.column > column {
                return Err(Unfamiliar);
            }
        }
        self.builder.end_block();
        Ok(())
    }

    /// Reads a value that is no block collection, and goes to the content after it.
    fn value(&mut self, parent: usize) -> Result {
        match self.peek() {
            Some(b'|' | b'>') => self.block_scalar(parent),
            Some(b'[' | b'{') => {
                self.flow()?;
                self.end_of_line()?;
                self.next_content()?;
                if self.column > parent { Err(Unfamiliar) } else { Ok(()) }
            }
            _ => {
                let scalar = self.scalar(parent)?;
                self.finish_scalar(scalar, parent)
            }
        }
    }

    /// Adds a scalar that is a value, with the lines that it goes on in.
    fn finish_scalar(&mut self, mut scalar: Scalar, parent: usize) -> Result {
        if scalar.style == Style::Plain {
            self.more_lines(&mut scalar, parent)?;
        }
        self.end_of_line()?;
        self.next_content()?;
        if self.column > parent {
            return Err(Unfamiliar);
        }
        self.add(scalar)
    }

    fn add(&mut self, Scalar { start, end, style, changed }: Scalar) -> Result {
        let (start, end) = (start as u32, end as u32);
        if changed {
            self.builder.scalar_with_text(start, end, style, false, &self.changed)?;
        } else {
            self.builder.scalar(start, end, style)?;
        }
        Ok(())
    }

    /// Scans a scalar outside of flow collections, up to the blanks after it; an unquoted one on
    /// its first line only.
    fn scalar(&mut self, parent: usize) -> Result<Scalar> {
        let start = self.at;
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                let scalar = self.quoted(quote, parent)?;
                self.skip_spaces_before(b':');
                return Ok(scalar);
            }
            Some(first) if may_begin_plain(first) => {}
            Some(b'-' | b':') if !matches!(self.peek_at(1), None | Some(b' ' | b'\n' | b'\r' | b'\t')) => {}
            _ => return Err(Unfamiliar),
        }
        let end = self.plain_line()?;
        Ok(Scalar { start, end, style: Style::Plain, changed: false })
    }

    /// Scans unquoted text up to the colon that ends a key, a comment or the line's end, and gives
    /// the offset past its last character.
    fn plain_line(&mut self) -> Result<usize> {
        let mut end = self.at;
        while let Some(byte) = self.peek() {
            match CLASS[byte as usize] {
                Class::Space => {}
                Class::Colon if matches!(self.peek_at(1), None | Some(b' ' | b'\n' | b'\r' | b'\t')) => return Ok(end),
                Class::Hash if end < self.at => break,
                Class::Text | Class::Colon | Class::Hash => end = self.at + 1,
                Class::Newline => break,
                Class::Other => return Err(Unfamiliar),
            }
            self.at += 1;
        }
        self.at = end;
        Ok(end)
    }

    /// Scans the lines that an unquoted scalar goes on in: those that are indented deeper than the
    /// collection it is in.
    fn more_lines(&mut self, scalar: &mut Scalar, parent: usize) -> Result {
        loop {
            let end = self.at;
            let Some(breaks) = self.breaks(parent) else {
                self.at = end;
                return Ok(());
            };
            if !scalar.changed {
                scalar.changed = true;
                self.changed.clear();
                self.push_changed(scalar.start, scalar.end)?;
            }
            fold(&mut self.changed, breaks);
            let start = self.at;
            scalar.end = self.plain_line()?;
            if scalar.end == start || self.at_colon() {
                return Err(Unfamiliar);
            }
            self.push_changed(start, scalar.end)?;
        }
    }

    /// Goes from the end of a line's text to the next text that is indented deeper than `parent`,
    /// and counts the line breaks on the way. There is none behind a comment.
    fn breaks(&mut self, parent: usize) -> Option<usize> {
        let mut breaks = 0;
        loop {
            let indent = self.skip_spaces();
            match self.peek()? {
                b'\n' | b'\r' => {
                    self.skip_line();
                    breaks += 1;
                }
                b'#' | b'\t' => return None,
                _ => return (breaks > 0 && indent >= parent && indent > 0).then_some(breaks),
            }
        }
    }

    fn push_changed(&mut self, start: usize, end: usize) -> Result {
        self.changed.push_str(std::str::from_utf8(&self.text[start..end]).map_err(|_| Unfamiliar)?);
        Ok(())
    }

    /// Goes over spaces if the byte follows them.
    fn skip_spaces_before(&mut self, byte: u8) {
        let from = self.at;
        self.skip_spaces();
        if self.peek() != Some(byte) {
            self.at = from;
        }
    }

    /// Scans a scalar in quotes. Its further lines must be indented deeper than `parent`.
    fn quoted(&mut self, quote: u8, parent: usize) -> Result<Scalar> {
        let start = self.at;
        let mut changed = false;
        // Up to here the text is settled: what blanks follow before a line break do not count.
        let mut settled = 0;
        let mut run = start + 1;
        self.at = run;
        loop {
            let rest = &self.text[self.at..];
            self.at += memchr::memchr3(quote, b'\n', b'\\', rest).ok_or(Unfamiliar)?;
            let (byte, next) = (self.text[self.at], self.peek_at(1));
            if byte == b'\\' && quote == b'\'' {
                self.at += 1;
                continue;
            }
            if byte == quote && !(quote == b'\'' && next == Some(quote)) {
                break;
            }
            if !changed {
                changed = true;
                self.changed.clear();
            }
            self.push_changed(run, self.at)?;
            match (byte, next) {
                (b'\n', _) => {
                    let text = self.changed[settled..].trim_end_matches([' ', '\r']).len();
                    self.changed.truncate(settled + text);
                    let breaks = self.breaks_in_quotes(parent)?;
                    fold(&mut self.changed, breaks);
                    run = self.at;
                }
                (b'\'', _) => {
                    self.changed.push('\'');
                    run = self.at + 2;
                }
                (_, Some(b'n')) => {
                    self.changed.push('\n');
                    run = self.at + 2;
                }
                (_, Some(b't')) => {
                    self.changed.push('\t');
                    run = self.at + 2;
                }
                (_, Some(character @ (b'"' | b'\\' | b'/'))) => {
                    self.changed.push(char::from(character));
                    run = self.at + 2;
                }
                _ => return Err(Unfamiliar),
            }
            self.at = run;
            settled = self.changed.len();
        }
        if changed {
            self.push_changed(run, self.at)?;
        }
        self.at += 1;
        if memchr::memchr(b'\t', &self.text[start..self.at]).is_some() {
            return Err(Unfamiliar);
        }
        Ok(Scalar { start, end: self.at, style: Style::Text, changed })
    }

    /// As [`Scanner::breaks`], where a `#` is text like any other.
    fn breaks_in_quotes(&mut self, parent: usize) -> Result<usize> {
        let mut breaks = 0;
        loop {
            let indent = self.skip_spaces();
            match self.peek() {
                Some(b'\n' | b'\r') => {
                    self.skip_line();
                    breaks += 1;
                }
                Some(_) if indent >= parent && indent > 0 => return Ok(breaks),
                _ => return Err(Unfamiliar),
            }
        }
    }

    /// Reads a flow collection that is on one line.
    fn flow(&mut self) -> Result {
        let map = self.peek() == Some(b'{');
        let (start, close) = (self.at as u32, if map { b'}' } else { b']' });
        if map {
            self.builder.begin_map(start, true)?;
        } else {
            self.builder.begin_seq(start, true)?;
        }
        self.at += 1;
        self.skip_spaces();
        while self.peek() != Some(close) {
            if map {
                let key = self.flow_scalar()?;
                self.add(key)?;
                self.skip_spaces();
                if self.peek() != Some(b':') || self.peek_at(1) != Some(b' ') {
                    return Err(Unfamiliar);
                }
                self.at += 1;
                self.skip_spaces();
            }
            if matches!(self.peek(), Some(b'[' | b'{')) {
                self.flow()?;
            } else {
                let scalar = self.flow_scalar()?;
                self.add(scalar)?;
            }
            self.skip_spaces();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.skip_spaces();
                }
                Some(byte) if byte == close => {}
                _ => return Err(Unfamiliar),
            }
        }
        self.at += 1;
        self.builder.end_flow(self.at as u32);
        Ok(())
    }

    fn flow_scalar(&mut self) -> Result<Scalar> {
        let start = self.at;
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => return self.quoted(quote, ONE_LINE),
            Some(first) if may_begin_plain(first) => {}
            _ => return Err(Unfamiliar),
        }
        let mut end = start;
        while let Some(byte) = self.peek() {
            match (CLASS[byte as usize], byte) {
                (_, b',' | b']' | b'}') | (Class::Colon, _) => break,
                (_, b'[' | b'{' | b'?') => return Err(Unfamiliar),
                (Class::Text, _) => end = self.at + 1,
                (Class::Space, _) => {}
                _ => return Err(Unfamiliar),
            }
            self.at += 1;
        }
        self.at = end;
        Ok(Scalar { start, end, style: Style::Plain, changed: false })
    }

    /// Reads a block scalar and goes to the content after it.
    fn block_scalar(&mut self, parent: usize) -> Result {
        // A document that is a block scalar need not be indented: what looks like a comment is text.
        if parent == NOTHING {
            return Err(Unfamiliar);
        }
        let start = self.at;
        let folded = self.peek() == Some(b'>');
        self.at += 1;
        let chomping = self.peek().filter(|byte| matches!(byte, b'-' | b'+'));
        self.at += usize::from(chomping.is_some());
        let mut end = self.at;
        self.end_of_line()?;
        if self.at == self.text.len() {
            return Err(Unfamiliar);
        }

        let mut content = String::new();
        let mut indent = 0;
        // Line breaks that count only if more text follows.
        let mut breaks = 0;
        let mut first = true;
        while self.at < self.text.len() {
            let line = self.at;
            let spaces = self.skip_spaces();
            if matches!(self.peek(), Some(b'\n' | b'\r')) {
                // A blank line with more blanks than the indentation has text; without, its
                // blanks must not exceed the indentation that is still to be found.
                if spaces > 0 && (first || spaces > indent) {
                    return Err(Unfamiliar);
                }
                breaks += 1;
                self.skip_line();
                continue;
            }
            if first {
                if spaces < parent || spaces == 0 {
                    self.at = line;
                    break;
                }
                indent = spaces;
            } else if spaces < indent {
                self.at = line;
                break;
            }
            // Behind the indentation a tab is text, but where lines are folded it keeps one from it.
            if (self.peek() == Some(b'\t') && (first || folded)) || (folded && spaces > indent) {
                return Err(Unfamiliar);
            }
            self.skip_line();
            let text = &self.text[line + indent..self.at];
            let text = text.strip_suffix(b"\n").ok_or(Unfamiliar)?;
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if folded && !first {
                fold(&mut content, breaks);
            } else {
                content.extend(std::iter::repeat_n('\n', breaks));
            }
            content.push_str(std::str::from_utf8(text).map_err(|_| Unfamiliar)?);
            breaks = 1;
            first = false;
            if !text.trim_ascii_end().is_empty() {
                end = line + indent + text.trim_ascii_end().len();
            }
        }
        match chomping {
            Some(b'-') => {}
            Some(_) => content.extend(std::iter::repeat_n('\n', breaks)),
            None if !first => content.push('\n'),
            None => {}
        }
        self.next_content()?;
        if self.column > parent {
            return Err(Unfamiliar);
        }
        Ok(self.builder.scalar_with_text(start as u32, end as u32, Style::Text, true, &content)?)
    }
}

/// Joins two lines: one break is a space, more are one less.
fn fold(text: &mut String, breaks: usize) {
    if breaks == 1 {
        text.push(' ');
    } else {
        text.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1)));
    }
}

/// Whether an unquoted scalar may begin with a byte, so that it needs no second look.
fn may_begin_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'/' | b'.' | b'_' | b'$' | b'(' | b'+' | b'~' | b'<' | b'=' | b'^')
        || byte >= 0x80
}

/// What a byte means inside an unquoted scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Text,
    Space,
    Newline,
    Colon,
    Hash,
    Other,
}

const CLASS: [Class; 256] = {
    let mut class = [Class::Text; 256];
    let mut byte = 0;
    while byte < 0x20 {
        class[byte] = Class::Other;
        byte += 1;
    }
    class[0x7F] = Class::Other;
    class[b' ' as usize] = Class::Space;
    class[b'\n' as usize] = Class::Newline;
    class[b'\r' as usize] = Class::Newline;
    class[b':' as usize] = Class::Colon;
    class[b'#' as usize] = Class::Hash;
    class
};
