//go:build linux

package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// keep copies the files of a directory that ends with this process. What
// vanishes meanwhile and what is no file, such as a socket, is left out; what
// cannot be copied does not hold up the rest.
func keep(data, to string) error {
	var errs []error
	err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
			return nil
		}
		at, err := filepath.Rel(data, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir():
			err = os.MkdirAll(filepath.Join(to, at), 0o700)
		case e.Type().IsRegular():
			err = copyFile(path, filepath.Join(to, at))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
