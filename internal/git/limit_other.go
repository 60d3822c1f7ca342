//go:build !linux

package git

// limitFiles does nothing: servers run on Linux.
func limitFiles(int, uint64) {}
