//! Which files that are not there may lie on a drive that is not plugged in.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

/// What systems and their file managers leave in a folder where a drive belongs, or put on an empty
/// drive.
const CLUTTER: &[&str] = &[
    "lost+found",
    ".Trash",
    ".Trashes",
    ".DS_Store",
    "._.DS_Store",
    ".fseventsd",
    ".Spotlight-V100",
    ".TemporaryItems",
    ".DocumentRevisions-V100",
    ".localized",
    ".directory",
    "System Volume Information",
    "$RECYCLE.BIN",
    "Thumbs.db",
    "desktop.ini",
    "@eaDir",
    "#recycle",
];

/// Where systems make a folder for each drive while it is plugged in.
const MOUNT_PARENTS: &[&str] = &["/media", "/run/media", "/mnt", "/Volumes"];

/// Whether files may lie on drives that are not plugged in.
#[derive(Debug, Default)]
pub(crate) struct Unplugged {
    /// What was found of folders.
    empty: HashMap<PathBuf, bool>,
}

impl Unplugged {
    /// Whether a file that is not there may be on such a drive: what is left of its folders holds no
    /// file, as the place of a drive does, or is where drives get a folder while they are plugged in.
    pub(crate) fn may_hold(&mut self, path: &Path) -> bool {
        let Some(left) = path.ancestors().skip(1).find(|folder| folder.is_dir()) else {
            return true;
        };
        if is_mount_parent(left) && path.parent() != Some(left) {
            return true;
        }
        match self.empty.get(left) {
            Some(is_empty) => *is_empty,
            None => {
                let is_empty = holds_no_file(left);
                self.empty.insert(left.to_owned(), is_empty);
                is_empty
            }
        }
    }
}

/// `/media` and `/run/media` have a folder for each user, in which the drives are.
fn is_mount_parent(folder: &Path) -> bool {
    let is_one = |folder: &Path| MOUNT_PARENTS.iter().any(|parent| folder == Path::new(parent));
    let of_user = folder.parent().filter(|parent| parent.ends_with("media"));
    is_one(folder) || of_user.is_some_and(is_one)
}

/// Whether there is nothing in a folder but folders of which the same holds, and clutter. One that
/// cannot be read may hold anything.
fn holds_no_file(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else { return false };
    let is_nothing = |entry: DirEntry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        is_clutter(&entry.file_name()) || is_folder && holds_no_file(&entry.path())
    };
    entries.into_iter().all(|entry| entry.is_ok_and(is_nothing))
}

fn is_clutter(name: &OsStr) -> bool {
    // `.Trash-1000` is that of a user.
    CLUTTER.iter().any(|clutter| name == *clutter)
        || name.as_encoded_bytes().starts_with(b".Trash-")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(left: &[&str], file: &str, expected: bool) {
        let folder = tempfile::tempdir().unwrap();
        for name in left {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match name.ends_with('/') {
                true => fs::create_dir_all(path).unwrap(),
                false => fs::write(path, "").unwrap(),
            }
        }
        let found = Unplugged::default().may_hold(&folder.path().join(file));
        assert_eq!(found, expected, "{left:?} {file}");
    }

    #[test]
    fn a_folder_without_a_file_may_be_the_place_of_a_drive() {
        check(&["usb/", "dog.jpg"], "usb/cow.jpg", true);
        check(&["usb/", "dog.jpg"], "usb/2020/trip/cow.jpg", true);
        check(&["usb/lost+found/", "usb/.Trash-1000/files/a.jpg", "dog.jpg"], "usb/cow.jpg", true);
        check(&["usb/.DS_Store", "usb/DCIM/100/", "dog.jpg"], "usb/cow.jpg", true);
        check(&["usb/notes.txt"], "usb/cow.jpg", false);
        check(&["dog.jpg"], "2020/cow.jpg", false);
        check(&["usb/", "dog.jpg"], "cow.jpg", false);
    }

    #[test]
    fn drives_have_their_folders_while_they_are_plugged_in() {
        for parent in ["/media", "/media/anna", "/run/media/anna", "/mnt", "/Volumes"] {
            assert!(is_mount_parent(Path::new(parent)), "{parent}");
        }
        for other in ["/", "/media/anna/usb", "/home/media", "/mnt/usb", "/run"] {
            assert!(!is_mount_parent(Path::new(other)), "{other}");
        }
    }
}
