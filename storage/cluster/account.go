package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the user that runs the server's programs.
type account struct {
	name     string
	uid, gid uint32
	switched bool // we are root, and it is another
}

// serverAccount picks the account: our own; when we are root, the owner of the
// data that is there, else postgres, else nobody.
func serverAccount(data string) (account, error) {
	info, err := os.Stat(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return account{}, err
	}
	me := uint32(os.Geteuid())
	if me != 0 {
		if info != nil && ownerOf(info) != me {
			return account{}, fmt.Errorf("%s belongs to user %d and this is user %d: run as that user or choose another directory", data, ownerOf(info), me)
		}
		return account{name: accountName(me), uid: me, gid: uint32(os.Getegid())}, nil
	}
	names := []string{"postgres", "nobody"}
	if info != nil && ownerOf(info) != 0 {
		names = []string{accountName(ownerOf(info))}
	}
	for _, name := range names {
		if u, err := user.Lookup(name); err == nil {
			return accountOf(u)
		}
	}
	return account{}, fmt.Errorf("PostgreSQL refuses to run as root, and there is no account %q: run as another user", names)
}

func accountOf(u *user.User) (account, error) {
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user %s: %w", u.Username, err)
	}
	return account{name: u.Username, uid: uint32(uid), gid: uint32(gid), switched: true}, nil
}

func accountName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// give makes the account the owner of path.
func (a account) give(path string) error {
	if !a.switched {
		return nil
	}
	return os.Chown(path, int(a.uid), int(a.gid))
}

// reach reports which directory on the way to dir keeps the account out.
func (a account) reach(dir string) error {
	if !a.switched {
		return nil
	}
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if !a.mayEnter(info) {
			return fmt.Errorf("user %s, who runs PostgreSQL, may not enter %s (%s): choose a directory elsewhere, or chmod o+x %s",
				a.name, at, info.Mode(), at)
		}
		if at == filepath.Dir(at) {
			return nil
		}
	}
}

func (a account) mayEnter(dir fs.FileInfo) bool {
	stat, ok := dir.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return true
	case stat.Uid == a.uid:
		return dir.Mode()&0o100 != 0
	case stat.Gid == a.gid:
		return dir.Mode()&0o010 != 0
	default:
		return dir.Mode()&0o001 != 0
	}
}

// procAttr runs a program as the account, out of reach of the terminal's
// interrupt.
func (a account) procAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.switched {
		attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attr
}

func ownerOf(info fs.FileInfo) uint32 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Uid
	}
	return uint32(os.Geteuid())
}
