package build

import (
	"errors"
	"io"
	"sync"
)

// export brings the tar that the engine sends to a reader.
type export struct {
	read func(io.Reader) error
	from *io.PipeReader
	to   *io.PipeWriter
	done chan error
	once sync.Once // starts reading
}

func newExport(read func(io.Reader) error) *export {
	e := &export{read: read, done: make(chan error, 1)}
	e.from, e.to = io.Pipe()
	return e
}

// open is called once there are files.
func (e *export) open(map[string]string) (io.WriteCloser, error) {
	again := true
	e.once.Do(func() {
		again = false
		go func() {
			err := e.reading()
			if err == nil { // the padding behind the end of the tar
				_, err = io.Copy(io.Discard, e.from)
			}
			e.from.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // who writes need not wait for nobody
			e.done <- err
		}()
	})
	if again {
		return nil, errors.New("build: files are exported once")
	}
	return e.to, nil
}

func (e *export) reading() (err error) {
	defer survive(&err)
	return e.read(e.from)
}

// wait returns when the reader has ended, and how it failed. built is how the
// build did: the files of one that failed have no end.
func (e *export) wait(built error) error {
	if built != nil {
		e.to.CloseWithError(built)
	}
	read := true
	e.once.Do(func() { read = false }) // nothing came
	if !read {
		if built == nil {
			return errors.New("build: the engine sent no files")
		}
		return nil
	}
	err := <-e.done
	if built != nil && errors.Is(err, built) {
		return nil
	}
	return err
}
