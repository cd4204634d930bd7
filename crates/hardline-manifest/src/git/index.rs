//! Git's index: which files Git knows, and what they were like when it last looked.
//!
//! Versions 2 and 3 are read, which Git writes unless it is told otherwise. Of others, of split and of
//! sparse ones nothing is read. <https://git-scm.com/docs/index-format>

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// What an index says.
#[derive(Debug)]
pub(super) struct Index<'b> {
    /// The files, in the order of their paths.
    pub(super) entries: Vec<Entry<'b>>,
}

/// A file that Git knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'b> {
    /// The path below the root of the work tree.
    pub(super) path: &'b [u8],
    changed: (u32, u32),
    modified: (u32, u32),
    inode: u32,
    mode: u32,
    size: u32,
    /// Git was told not to look at the file.
    pub(super) is_unwatched: bool,
}

const FLAG_ASSUME_VALID: u16 = 1 << 15;
const FLAG_EXTENDED: u16 = 1 << 14;
const FLAG_STAGE: u16 = 0b11 << 12;
const FLAG_SKIP_WORK_TREE: u16 = 1 << 14;

const LENGTH_OF_HEADER: usize = 12;
const LENGTH_OF_OBJECT: usize = 20;
/// Ten numbers before the object.
const LENGTH_OF_STAT: usize = 40;

const MODE_TYPE: u32 = 0o170_000;
const MODE_LINK: u32 = 0o120_000;
const MODE_SUBMODULE: u32 = 0o160_000;

impl<'b> Index<'b> {
    /// Reads an index whose objects are SHA-1. `None` where it is of another form, or a merge is under way.
    pub(super) fn read(bytes: &'b [u8]) -> Option<Self> {
        let (body, _checksum) = bytes.split_at_checked(bytes.len().checked_sub(LENGTH_OF_OBJECT)?)?;
        let version = number(body, 4)?;
        if !body.starts_with(b"DIRC") || !matches!(version, 2 | 3) {
            return None;
        }
        let mut entries = Vec::new();
        let mut at = LENGTH_OF_HEADER;
        for _ in 0..number(body, 8)? {
            let (entry, length) = Entry::read(body.get(at..)?)?;
            entries.push(entry);
            at = at.checked_add(length)?;
        }
        while at < body.len() {
            // Those in lower case change what the entries mean.
            if body.get(at)?.is_ascii_lowercase() {
                return None;
            }
            at = at.checked_add(8)?.checked_add(usize::try_from(number(body, at + 4)?).ok()?)?;
        }
        Some(Self { entries })
    }
}

impl<'b> Entry<'b> {
    /// The entry at the start of these bytes, and its length.
    fn read(bytes: &'b [u8]) -> Option<(Self, usize)> {
        let flags = short(bytes, LENGTH_OF_STAT + LENGTH_OF_OBJECT)?;
        let is_extended = flags & FLAG_EXTENDED != 0;
        let start = LENGTH_OF_STAT + LENGTH_OF_OBJECT + if is_extended { 4 } else { 2 };
        let more = if is_extended { short(bytes, start - 2)? } else { 0 };
        if flags & FLAG_STAGE != 0 {
            return None;
        }
        let length = memchr::memchr(0, bytes.get(start..)?)?;
        let entry = Self {
            path: bytes.get(start..start + length)?,
            changed: (number(bytes, 0)?, number(bytes, 4)?),
            modified: (number(bytes, 8)?, number(bytes, 12)?),
            inode: number(bytes, 20)?,
            mode: number(bytes, 24)?,
            size: number(bytes, 36)?,
            is_unwatched: flags & FLAG_ASSUME_VALID != 0 || more & FLAG_SKIP_WORK_TREE != 0,
        };
        // From one to eight bytes of zero follow.
        Some((entry, (start + length) / 8 * 8 + 8))
    }

    /// Whether it is a repository of its own.
    pub(super) fn is_submodule(&self) -> bool {
        self.mode & MODE_TYPE == MODE_SUBMODULE
    }

    /// Whether the file is certainly the one that Git looked at when it wrote its index at `written`.
    ///
    /// A file that was modified when the index was written may have changed once more at the same time.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "Git cuts them as well")]
    pub(super) fn is_as_known(&self, file: &Metadata, written: (i64, i64)) -> bool {
        let same = |known: (u32, u32), seconds: i64, nanoseconds: i64| {
            known.0 == seconds as u32 && (known.1 == 0 || known.1 == nanoseconds as u32)
        };
        let mode = file.mode();
        self.size == file.size() as u32
            && self.inode == file.ino() as u32
            && same(self.modified, file.mtime(), file.mtime_nsec())
            && same(self.changed, file.ctime(), file.ctime_nsec())
            && (file.mtime(), file.mtime_nsec()) < written
            && (self.mode & MODE_TYPE == MODE_LINK) == file.is_symlink()
            && (file.is_symlink() || (file.is_file() && self.mode & 0o100 == mode & 0o100))
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}
