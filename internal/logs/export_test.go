package logs

import "syscall"

// WithFiles returns o with other sizes of files, so that a few lines fill many.
func (o Options) WithFiles(spool, segment int64) Options {
	o.spoolBytes, o.segmentBytes = spool, segment
	return o
}

// WithSteps returns o with so many reads in a step of a search, of one block
// each.
func (o Options) WithSteps(reads int) Options {
	o.searchReads, o.readBytes = reads, 1
	return o
}

// RingBytes returns what is held for feeds.
func (l *Log) RingBytes() int64 { return l.ringBytes.Load() }

// CopyLock returns a copy of the descriptor that holds the directory, as a
// program has one for the moment between its fork and its exec.
func (l *Log) CopyLock() (int, error) { return syscall.Dup(int(l.lock.Fd())) }
