//! What pages load beside themselves. Addresses carry the version, so that browsers may keep them.

use hyper::body::Bytes;

use crate::page;
use crate::picture;

/// A file that is part of the program.
pub(crate) struct Asset {
    /// Its address.
    pub(crate) path: &'static str,
    /// Its media type.
    pub(crate) media: &'static str,
    parts: &'static [&'static str],
}

macro_rules! versioned {
    ($name:literal) => {
        concat!("/assets/", env!("CARGO_PKG_VERSION"), "/", $name)
    };
}

/// The look of the pages.
pub(crate) const STYLE: Asset = Asset {
    path: versioned!("dashboard.css"),
    media: "text/css; charset=utf-8",
    parts: &[page::STYLE, include_str!("assets/dashboard.css"), include_str!("assets/drift.css")],
};
/// Changes without reload, and keys.
pub(crate) const SCRIPT: Asset = Asset {
    path: versioned!("dashboard.js"),
    media: "text/javascript; charset=utf-8",
    parts: &[include_str!("assets/dashboard.js")],
};
/// The look of the network.
pub(crate) const PICTURE_STYLE: Asset =
    Asset { path: versioned!("network.css"), media: "text/css; charset=utf-8", parts: &[picture::STYLE] };
/// What draws the network.
pub(crate) const PICTURE: Asset =
    Asset { path: versioned!("network.js"), media: "text/javascript; charset=utf-8", parts: &[picture::SCRIPT] };
/// The sign in tabs of browsers.
pub(crate) const ICON: Asset =
    Asset { path: versioned!("icon.svg"), media: "image/svg+xml", parts: &[include_str!("assets/icon.svg")] };

impl Asset {
    /// The file at a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        [STYLE, SCRIPT, ICON, PICTURE_STYLE, PICTURE].into_iter().find(|asset| asset.path == path)
    }

    /// What is in it.
    pub(crate) fn bytes(&self) -> Bytes {
        match self.parts {
            [whole] => Bytes::from_static(whole.as_bytes()),
            parts => parts.concat().into(),
        }
    }
}
