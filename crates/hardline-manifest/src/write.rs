//! Writing a file without ever losing what somebody else wrote to it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a file was not written. What was there is there still.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file holds something else than what was read: somebody edited it meanwhile.
    #[error("{0} was changed by somebody else meanwhile; run the command again")]
    Changed(PathBuf),
    /// The file is read-only.
    #[error("{0} is read-only")]
    ReadOnly(PathBuf),
    /// A new file would replace one that exists.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// The file system refused.
    #[error("cannot write {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        error: std::io::Error,
    },
}

/// Replaces a file's text, if it is still the one that was read.
///
/// The new text is written beside the file and renamed over it, so that at every moment the file
/// holds either text whole. Permissions stay; a symbolic link is followed, and stays one.
pub fn replace(path: &Path, before: &str, after: &str) -> Result<(), Error> {
    let io = |error| Error::Io { path: path.to_owned(), error };
    let file = fs::canonicalize(path).map_err(io)?;
    let permissions = fs::metadata(&file).map_err(io)?.permissions();
    if permissions.readonly() {
        return Err(Error::ReadOnly(path.to_owned()));
    }
    let mut beside = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new("."))).map_err(io)?;
    beside.write_all(after.as_bytes()).map_err(io)?;
    beside.as_file().set_permissions(permissions).map_err(io)?;
    beside.as_file().sync_all().map_err(io)?;
    if fs::read(&file).map_err(io)? != before.as_bytes() {
        return Err(Error::Changed(path.to_owned()));
    }
    beside.persist(&file).map_err(|error| io(error.error))?;
    Ok(())
}

/// Writes a file that does not exist yet.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::Exists(path.to_owned()),
        _ => Error::Io { path: path.to_owned(), error },
    };
    let mut file = fs::File::create_new(path).map_err(io)?;
    file.write_all(text.as_bytes()).map_err(io)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_changed_meanwhile_keeps_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        fs::write(&path, "theirs\n").unwrap();
        assert!(matches!(replace(&path, "mine\n", "new\n"), Err(Error::Changed(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn permissions_and_links_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.yaml"), folder.path().join("link.yaml"));
        fs::write(&path, "old\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace(&link, "old\n", "new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        assert!(matches!(replace(&path, "new\n", "newer\n"), Err(Error::ReadOnly(_))));
        assert!(matches!(create(&path, "x"), Err(Error::Exists(_))));
    }
}
