//! The owner and the mode that a file with a secret has to have, for the user who reads it. The advice is right for the
//! user of a service, for a user with settings of their own, and for root.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgroups};

/// The user whose rights this process has.
pub(crate) struct Reader {
    uid: u32,
    /// Its primary group comes first.
    groups: Vec<u32>,
    /// It is called only where a group may read, and for a sentence: the user database may be on the network, and take
    /// its time.
    look_up: fn(u32, u32) -> Names,
}

/// The user that runs the service, and that user's group.
pub(crate) const SERVICE: &str = "mailx-t";

/// The name of a user in the user database.
struct Names {
    user: String,
    /// The name of a group.
    group: Option<String>,
    /// Somebody else is a member of that group.
    has_others: bool,
}

impl Names {
    fn of(uid: u32, gid: u32) -> Self {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let user = user.map_or_else(|| uid.to_string(), |user| user.name);
        let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
        let has_others = group.as_ref().is_some_and(|group| group.mem.iter().any(|member| *member != user));
        Self { group: group.map(|group| group.name), has_others, user }
    }

    /// The group is the service's, or nobody but the user is in it, as most users have one.
    fn is_own_group(&self) -> bool {
        self.group.as_ref().is_some_and(|group| group == SERVICE || *group == self.user && !self.has_others)
    }
}

impl Reader {
    /// The user of this process.
    pub(crate) fn this() -> Self {
        let groups = std::iter::once(getegid()).chain(getgroups().unwrap_or_default()).map(Gid::as_raw).collect();
        Self { uid: geteuid().as_raw(), groups, look_up: Names::of }
    }

    /// Judges a file of that owner and group: others must be able neither to read it nor to have written it.
    pub(crate) fn guard(&self, (owner, group): (u32, u32), mode: u32) -> Result<(), String> {
        let said = mode & 0o7777;
        if mode & 0o007 != 0 {
            // Once it is closed to everybody, it may be closed to us as well.
            let is_enough = self.may_read((owner, group), mode);
            let cure = if is_enough { "chmod o= it".to_owned() } else { self.let_in(owner) };
            Err(format!("mode {said:04o} opens it to every user: {cure}"))
        } else if mode & 0o020 != 0 {
            Err(format!("mode {said:04o} lets its group write it: chmod g-w it"))
        } else if let Some(group) = (mode & 0o040 != 0).then(|| self.strangers(group)).flatten() {
            Err(format!("mode {said:04o} opens it to the group {group}: {}", self.close(owner)))
        } else if owner != 0 && owner != self.uid {
            let (uid, cure) = (self.uid, self.give());
            Err(format!("belongs to user {owner}, neither root nor user {uid} who reads it: {cure}"))
        } else {
            Ok(())
        }
    }

    /// The command that opens a file of that owner to this user, and to nobody else.
    pub(crate) fn let_in(&self, owner: u32) -> String {
        if owner == self.uid { "chmod u=rw,o= it".to_owned() } else { self.give() }
    }

    /// The command that opens the way to a file below the directory `closed`.
    pub(crate) fn let_through(&self, closed: &Path) -> String {
        let cure = if is_home(closed) { "move the file to /etc/mailx-t" } else { "chmod o+x that, or move the file" };
        format!("{} is closed to the user {}: {cure}", closed.display(), self.names().user)
    }

    /// This user may read it as its owner, or as a member of its group.
    fn may_read(&self, (owner, group): (u32, u32), mode: u32) -> bool {
        match self.uid {
            0 => true,
            uid if uid == owner => mode & 0o400 != 0,
            _ => self.groups.contains(&group) && mode & 0o040 != 0,
        }
    }

    /// The name of a group that others may be in. One that no database knows is a container's, made for this process
    /// (fsGroup of Kubernetes); in root's is root.
    fn strangers(&self, group: u32) -> Option<String> {
        let names = (self.look_up)(self.uid, group);
        if group == 0 || names.is_own_group() { None } else { names.group }
    }

    /// The command that closes a file of that owner to the group that may read it.
    fn close(&self, owner: u32) -> String {
        if owner == self.uid { "chmod g= it".to_owned() } else { self.give() }
    }

    fn give(&self) -> String {
        let names = self.names();
        if names.is_own_group() && self.uid != 0 {
            format!("chown root:{} it, and chmod 640 it", names.group.unwrap_or_default())
        } else {
            format!("chown {} it, and chmod 600 it", names.user)
        }
    }

    fn names(&self) -> Names {
        (self.look_up)(self.uid, self.groups.first().copied().unwrap_or_default())
    }
}

/// The directory is somebody's home, or lies in one. Somebody has closed it on purpose.
fn is_home(directory: &Path) -> bool {
    if directory.starts_with("/home") || directory.starts_with("/root") {
        return true;
    }
    home_of_owner(directory).is_some_and(|home| home.parent().is_some() && directory.starts_with(home))
}

fn home_of_owner(directory: &Path) -> Option<PathBuf> {
    let owner = fs::metadata(directory).ok()?.uid();
    Some(User::from_uid(Uid::from_raw(owner)).ok()??.dir)
}

/// The directory above `path` that this process may not enter.
pub(crate) fn closed_above(path: &Path) -> &Path {
    path.ancestors().skip(1).find(|above| fs::metadata(above).is_ok()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(user: &str, group: Option<&str>) -> Names {
        Names { user: user.to_owned(), group: group.map(str::to_owned), has_others: false }
    }

    fn group(gid: u32) -> Option<&'static str> {
        [(0, "root"), (100, "users"), (997, "mailx-t"), (1000, "alice")]
            .into_iter()
            .find(|(n, _)| *n == gid)
            .map(|(_, name)| name)
    }

    fn service() -> Reader {
        Reader { uid: 998, groups: vec![997], look_up: |_, gid| named("mailx-t", group(gid)) }
    }

    fn user() -> Reader {
        Reader { uid: 1000, groups: vec![100, 44], look_up: |_, gid| named("alice", group(gid)) }
    }

    fn root() -> Reader {
        Reader { uid: 0, groups: vec![0], look_up: |_, gid| named("root", group(gid)) }
    }

    fn refused(reader: &Reader, whose: (u32, u32), mode: u32) -> String {
        reader.guard(whose, mode).err().unwrap_or_default()
    }

    #[test]
    fn file_that_is_open_to_everybody_is_not_closed_to_its_reader() {
        let service_only = "mode 0644 opens it to every user: chown root:mailx-t it, and chmod 640 it";
        assert_eq!(refused(&service(), (0, 0), 0o644), service_only);
        assert!(refused(&service(), (0, 997), 0o604).ends_with(": chown root:mailx-t it, and chmod 640 it"));
        assert!(refused(&user(), (0, 0), 0o604).ends_with(": chown alice it, and chmod 600 it"));
        for (reader, whose) in [(service(), (0, 997)), (service(), (998, 0)), (user(), (1000, 100)), (root(), (0, 0))] {
            assert_eq!(refused(&reader, whose, 0o644), "mode 0644 opens it to every user: chmod o= it");
        }
        assert!(refused(&user(), (1000, 100), 0o007).ends_with(": chmod u=rw,o= it"));
    }

    #[test]
    fn file_of_somebody_else_is_given_to_its_reader() {
        let foreign = refused(&service(), (4711, 997), 0o640);
        assert!(foreign.starts_with("belongs to user 4711, neither root nor user 998 who reads it: "), "{foreign}");
        assert!(foreign.ends_with(": chown root:mailx-t it, and chmod 640 it"), "{foreign}");
        assert!(refused(&root(), (4711, 0), 0o600).ends_with(": chown root it, and chmod 600 it"));
        assert!(refused(&user(), (1000, 100), 0o660).ends_with(": chmod g-w it"));
    }

    #[test]
    fn file_that_is_closed_to_its_reader_is_opened_to_no_more_than_them() {
        assert_eq!(service().let_in(0), "chown root:mailx-t it, and chmod 640 it");
        assert_eq!(user().let_in(0), "chown alice it, and chmod 600 it");
        assert_eq!(user().let_in(1000), "chmod u=rw,o= it");
        assert_eq!(refused(&service(), (0, 997), 0o640), "");
    }

    #[test]
    fn group_that_may_read_is_the_services_or_the_readers_alone() {
        let open = "mode 0640 opens it to the group users: ";
        assert_eq!(refused(&service(), (0, 100), 0o640), format!("{open}chown root:mailx-t it, and chmod 640 it"));
        assert_eq!(refused(&user(), (0, 100), 0o640), format!("{open}chown alice it, and chmod 600 it"));
        assert_eq!(refused(&user(), (1000, 100), 0o640), format!("{open}chmod g= it"));
        assert_eq!(refused(&root(), (0, 100), 0o640), format!("{open}chmod g= it"));
        assert!(refused(&service(), (0, 1000), 0o640).contains("to the group alice: "));
        for (reader, gid) in [(service(), 997), (user(), 1000), (root(), 0), (root(), 997), (user(), 0)] {
            assert_eq!(refused(&reader, (0, gid), 0o640), "", "{gid}");
        }
        // A container's, which no user database knows.
        assert_eq!(refused(&user(), (0, 2000), 0o440), "");
        let crowded = Reader { look_up: |_, _| Names { has_others: true, ..named("alice", Some("alice")) }, ..user() };
        assert!(refused(&crowded, (1000, 1000), 0o640).contains("opens it to the group alice"));
    }

    #[test]
    fn user_database_is_asked_only_where_a_name_is_told() {
        let silent = |reader: Reader| Reader { look_up: |_, _| panic!("nobody is to be told a name"), ..reader };
        assert_eq!(refused(&silent(user()), (1000, 100), 0o600), "");
        assert_eq!(refused(&silent(service()), (0, 997), 0o600), "");
        assert_eq!(silent(user()).let_in(1000), "chmod u=rw,o= it");
        assert!(refused(&silent(user()), (1000, 100), 0o660).ends_with(": chmod g-w it"));
    }

    #[test]
    fn home_is_opened_to_nobody() {
        for home in ["/root", "/root/mail", "/home/alice", "/home"] {
            let advice = service().let_through(Path::new(home));
            assert_eq!(advice, format!("{home} is closed to the user mailx-t: move the file to /etc/mailx-t"));
        }
        let advice = service().let_through(Path::new("/etc/mailx-t"));
        assert_eq!(advice, "/etc/mailx-t is closed to the user mailx-t: chmod o+x that, or move the file");
    }
}
