//! The file system that SQLite calls: each function turns SQLite's pointers into Rust and asks the [`Disk`].
//!
//! All of this crate's `unsafe` is here. It rests on what SQLite promises its file systems: a `sqlite3_file` that `xOpen` filled is the one that
//! the other methods are given until `xClose`, buffers are as long as the lengths beside them, and names end with a 0.
#![allow(unsafe_code, reason = "SQLite is C")]

use std::{
    ffi::{CStr, CString, OsStr, c_char, c_int, c_void},
    io,
    path::Path,
    ptr, slice,
    sync::Arc,
};

use dormouse_journal_sqlite::Vfs;
use rusqlite::ffi;

use crate::disk::{Device, Disk, Failed, Flaw, OpenFile};

const NAME_BYTES_MAX: c_int = 512;

/// A disk under a name that SQLite knows. Dropping it takes the name back; nothing may have files open then.
#[derive(Debug)]
pub(crate) struct Registered {
    vfs: *mut ffi::sqlite3_vfs,
    name: CString,
}

// SAFETY: SQLite may be called from any thread, and nothing is changed through the pointer until the one owner drops it.
unsafe impl Send for Registered {}
// SAFETY: as above; what it points to is only read.
unsafe impl Sync for Registered {}

/// What SQLite keeps for each open file.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    file: *mut OpenFile,
}

impl Registered {
    /// Give SQLite this disk under this name.
    ///
    /// # Panics
    /// If SQLite refuses, which it does only without memory, or the name holds a 0.
    pub(crate) fn new(name: &str, disk: Arc<Disk>) -> Self {
        let name = CString::new(name).expect("the driver chooses the name");
        let vfs = Box::into_raw(Box::new(vfs(&name, Arc::into_raw(disk).cast_mut().cast())));
        // SAFETY: the struct and the name live until `drop`, which unregisters them first.
        let code = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite takes the file system");
        Self { vfs, name }
    }

    fn disk(&self) -> Arc<Disk> {
        // SAFETY: it is ours.
        unsafe { disk_of(self.vfs) }
    }
}

impl Vfs for Registered {
    fn name(&self) -> &str {
        self.name.to_str().expect("it was one")
    }

    fn exists(&self, file: &Path) -> io::Result<bool> {
        self.disk().exists(last(file)).map_err(failed)
    }

    fn rewrite(&self, file: &Path) -> io::Result<()> {
        self.disk().rewrite(last(file)).map_err(failed)
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        self.disk().sync_directory().map_err(failed)
    }
}

fn last(file: &Path) -> &str {
    file.file_name().and_then(OsStr::to_str).expect("the driver chooses the path")
}

fn failed(failed: Failed) -> io::Error {
    io::Error::other(format!("{failed:?}"))
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: `new` made the box and the `Arc`; after this nobody can find either, and no file is open.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.vfs);
            let vfs = Box::from_raw(self.vfs);
            drop(Arc::from_raw(vfs.pAppData.cast::<Disk>()));
        }
    }
}

/// Make what SQLite itself draws by chance (salts of the WAL) the same in each run. It is one stream for the whole process.
pub(crate) fn seed_sqlite(seed: u64) {
    // SAFETY: the operation takes an int and a connection, which may be null.
    unsafe {
        ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_PRNG_SEED, (seed as c_int) | 1, ptr::null_mut::<ffi::sqlite3>());
    }
}

fn vfs(name: &CStr, disk: *mut c_void) -> ffi::sqlite3_vfs {
    ffi::sqlite3_vfs {
        iVersion: 1,
        szOsFile: size_of::<Handle>() as c_int,
        mxPathname: NAME_BYTES_MAX,
        pNext: ptr::null_mut(),
        zName: name.as_ptr(),
        pAppData: disk,
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: None,
        xCurrentTimeInt64: None,
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// # Safety
/// `vfs` is one of ours.
unsafe fn disk_of(vfs: *mut ffi::sqlite3_vfs) -> Arc<Disk> {
    // SAFETY: `Registered` holds one count for as long as SQLite knows the pointer; this takes another.
    unsafe {
        let disk = (*vfs).pAppData.cast::<Disk>();
        Arc::increment_strong_count(disk);
        Arc::from_raw(disk)
    }
}

/// # Safety
/// `file` was filled by [`open`] and not closed.
unsafe fn file_of<'a>(file: *mut ffi::sqlite3_file) -> &'a OpenFile {
    // SAFETY: `open` put a box there, and `close` alone takes it away.
    unsafe { &*(*file.cast::<Handle>()).file }
}

/// The last part of a path: each disk holds one directory. `None` for a file without a name.
///
/// # Safety
/// `name` is null or a string of C.
unsafe fn name_of<'a>(name: *const c_char) -> Option<&'a str> {
    // SAFETY: as the caller says.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?;
    let path = name.to_str().expect("the driver chooses the path");
    Some(path.rsplit_once('/').map_or(path, |(_, name)| name))
}

fn code(done: Result<(), Failed>, otherwise: c_int) -> c_int {
    match done {
        Ok(()) => ffi::SQLITE_OK,
        Err(Failed::Full) => ffi::SQLITE_FULL,
        Err(Failed::Io | Failed::NotFound) => otherwise,
    }
}

/// For locks, which somebody else may hold.
fn busy(taken: Result<bool, Failed>, otherwise: c_int) -> c_int {
    match taken {
        Ok(false) => ffi::SQLITE_BUSY,
        taken => code(taken.map(drop), otherwise),
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let has = |flag: c_int| flags & flag != 0;
    // SAFETY: SQLite's own arguments; `file` has room for a `Handle`, because `szOsFile` says so.
    unsafe {
        let handle = file.cast::<Handle>();
        (*handle).base.pMethods = ptr::null();
        let (create, deletes) = (has(ffi::SQLITE_OPEN_CREATE), has(ffi::SQLITE_OPEN_DELETEONCLOSE));
        let Ok(opened) = disk_of(vfs).open(name_of(name), create, deletes) else { return ffi::SQLITE_CANTOPEN };
        handle.write(Handle { base: ffi::sqlite3_file { pMethods: &METHODS }, file: Box::into_raw(Box::new(opened)) });
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite's own arguments.
    let (disk, name) = unsafe { (disk_of(vfs), name_of(name)) };
    match disk.delete(name.unwrap_or_default(), sync != 0) {
        Err(Failed::NotFound) => ffi::SQLITE_IOERR_DELETE_NOENT,
        deleted => code(deleted, ffi::SQLITE_IOERR_DELETE),
    }
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, _: c_int, found: *mut c_int) -> c_int {
    // SAFETY: SQLite's own arguments; `found` is where it wants the answer.
    unsafe {
        let exists = disk_of(vfs).exists(name_of(name).unwrap_or_default());
        *found = c_int::from(exists == Ok(true));
        code(exists.map(drop), ffi::SQLITE_IOERR_ACCESS)
    }
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: `name` is a string of C, and `out` has `room` bytes.
    unsafe {
        let name = CStr::from_ptr(name).to_bytes_with_nul();
        if name.len() > room as usize {
            return ffi::SQLITE_CANTOPEN;
        }
        ptr::copy_nonoverlapping(name.as_ptr().cast(), out, name.len());
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, bytes: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `out` has so many bytes. They are never used: `seed_sqlite` says what SQLite draws.
    unsafe { ptr::write_bytes(out, 7, bytes as usize) };
    bytes
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    std::thread::yield_now();
    microseconds
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, days: *mut f64) -> c_int {
    // SAFETY: where SQLite wants the answer. The store asks SQLite for no time.
    unsafe { *days = 2_461_000.0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once and does not touch it again.
    unsafe {
        let handle = file.cast::<Handle>();
        drop(Box::from_raw((*handle).file));
        (*handle).base.pMethods = ptr::null();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: an open file, and a buffer of that length that nobody else reads or writes now.
    let (file, into) = unsafe { (file_of(file), slice::from_raw_parts_mut(into.cast::<u8>(), length as usize)) };
    match file.read(at as usize, into) {
        Ok(false) => ffi::SQLITE_IOERR_SHORT_READ,
        read => code(read.map(drop), ffi::SQLITE_IOERR_READ),
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    length: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: an open file, and a buffer of that length that nobody writes now.
    let (file, from) = unsafe { (file_of(file), slice::from_raw_parts(from.cast::<u8>(), length as usize)) };
    code(file.write(at as usize, from), ffi::SQLITE_IOERR_WRITE)
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    code(unsafe { file_of(file) }.truncate(size as usize), ffi::SQLITE_IOERR_TRUNCATE)
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    code(unsafe { file_of(file) }.sync(), ffi::SQLITE_IOERR_FSYNC)
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file, and where SQLite wants the answer.
    unsafe {
        let found = file_of(file).size();
        *size = found.unwrap_or(0) as ffi::sqlite3_int64;
        code(found.map(drop), ffi::SQLITE_IOERR_FSTAT)
    }
}

unsafe extern "C" fn lock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    busy(unsafe { file_of(file) }.lock(level), ffi::SQLITE_IOERR_LOCK)
}

unsafe extern "C" fn unlock(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: an open file.
    unsafe { file_of(file) }.unlock(level);
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(file: *mut ffi::sqlite3_file, found: *mut c_int) -> c_int {
    // SAFETY: an open file, and where SQLite wants the answer.
    unsafe {
        let reserved = file_of(file).is_reserved();
        *found = c_int::from(reserved == Ok(true));
        code(reserved.map(drop), ffi::SQLITE_IOERR_CHECKRESERVEDLOCK)
    }
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: an open file.
    unsafe { file_of(file) }.device().sector as c_int
}

unsafe extern "C" fn device_characteristics(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: an open file.
    match unsafe { file_of(file) }.device() {
        Device { flaw: Flaw::Claims, .. } => {
            ffi::SQLITE_IOCAP_ATOMIC | ffi::SQLITE_IOCAP_SAFE_APPEND | ffi::SQLITE_IOCAP_SEQUENTIAL
        }
        Device { powersafe: true, .. } => ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE,
        _ => 0,
    }
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: an open file, which keeps the memory until it is closed, and where SQLite wants the answer.
    unsafe {
        let mapped = file_of(file).map(region as usize, bytes as usize, extend != 0);
        *out = mapped.ok().flatten().unwrap_or(ptr::null_mut()).cast();
        code(mapped.map(drop), ffi::SQLITE_IOERR_SHMMAP)
    }
}

unsafe extern "C" fn shm_lock(file: *mut ffi::sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    // SAFETY: an open file.
    let file = unsafe { file_of(file) };
    let slots = (((1_u32 << count) - 1) << first) as u8;
    let exclusive = flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
    if flags & ffi::SQLITE_SHM_LOCK != 0 {
        return busy(file.lock_slots(slots, exclusive), ffi::SQLITE_IOERR_SHMLOCK);
    }
    file.unlock_slots(slots, exclusive);
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn shm_unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: an open file.
    unsafe { file_of(file) }.unmap(delete != 0);
    ffi::SQLITE_OK
}
