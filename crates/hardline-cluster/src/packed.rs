//! Texts that are kept for a day that seldom comes, in a fifth of their length.

use std::fmt;
use std::io::Read as _;

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

/// A text that is seldom needed.
pub(crate) struct Packed(Box<[u8]>);

/// What packs texts, one after the other.
pub(crate) struct Packer(Compress);

impl Default for Packer {
    fn default() -> Self {
        Self(Compress::new(Compression::fast(), false))
    }
}

impl Packer {
    /// The text, packed.
    pub(crate) fn pack(&mut self, text: &str) -> Packed {
        self.0.reset();
        let mut packed = Vec::with_capacity(text.len() + text.len() / 8 + 64);
        let status = self.0.compress_vec(text.as_bytes(), &mut packed, FlushCompress::Finish);
        assert!(matches!(status, Ok(Status::StreamEnd)), "deflate adds five bytes to each 64 KiB at most");
        Packed(packed.into())
    }
}

impl Packed {
    /// The text.
    pub(crate) fn unpack(&self) -> String {
        let mut text = String::new();
        DeflateDecoder::new(&*self.0).read_to_string(&mut text).expect("it was packed from a text");
        text
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Packed").field(&self.0.len()).finish()
    }
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        let mut packer = Packer::default();
        let noise: String =
            (0..200_000_u32).filter_map(|at| char::from_u32(at.wrapping_mul(2_654_435_761) >> 12)).collect();
        for text in ["", "{}", &r#"{"name":"app","image":"app"}"#.repeat(100), &noise] {
            assert_eq!(packer.pack(text).unpack(), text);
        }
        let text = r#"{"name":"app","value":"here"},"#.repeat(100);
        assert!(packer.pack(&text).0.len() * 5 < text.len());
    }
}
