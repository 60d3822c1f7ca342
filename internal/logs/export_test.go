package logs

// WithFiles returns o with other sizes of files, so that a few lines fill many.
func (o Options) WithFiles(spool, segment int64) Options {
	o.spoolBytes, o.segmentBytes = spool, segment
	return o
}

// RingBytes returns what is held for feeds.
func (l *Log) RingBytes() int64 { return l.ringBytes.Load() }
