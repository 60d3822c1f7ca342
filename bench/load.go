package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// backend answers each request with as many bytes as its path says, "/1024".
// It does less for it than a real application, and so does load for a request:
// what is left of the machine is for who is compared.
type backend struct {
	ln    net.Listener
	mu    sync.Mutex
	conns map[net.Conn]bool
	all   sync.WaitGroup
}

// startBackend starts one on loopback. The caller closes it.
func startBackend(ctx context.Context) (*backend, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &backend{ln: ln, conns: map[net.Conn]bool{}}
	s.all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return // it was closed
			}
			s.all.Go(func() { s.serve(conn) })
		}
	})
	return s, nil
}

func (s *backend) addr() string { return s.ln.Addr().String() }

func (s *backend) close() error {
	err := s.ln.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close() // ends who reads it
	}
	s.conns = nil
	s.mu.Unlock()
	s.all.Wait()
	return err
}

func (s *backend) serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	if s.conns == nil {
		s.mu.Unlock()
		return
	}
	s.conns[conn] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	answers := map[int][]byte{}
	for r := bufio.NewReader(conn); ; {
		size, err := readRequest(r)
		if err != nil {
			return
		}
		answer := answers[size]
		if answer == nil {
			answer = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", size)
			answer = append(answer, bytes.Repeat([]byte{'x'}, size)...)
			answers[size] = answer
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// readRequest reads a request without a body and returns how much it asks for.
func readRequest(r *bufio.Reader) (size int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if fields := bytes.Fields(line); len(fields) > 1 {
		size, _ = strconv.Atoi(string(bytes.TrimPrefix(fields[1], []byte("/")))) // another path asks for nothing
	}
	for {
		if line, err = r.ReadSlice('\n'); err != nil || len(line) <= 2 {
			return size, err
		}
	}
}

// load sends requests for answers of a size to addr, on each connection the
// next when the last was answered, until span is over, but one at least. It
// returns how many were answered, which all were, and how long that took.
func load(ctx context.Context, addr string, size int, span time.Duration) (answered int, took time.Duration, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var all sync.WaitGroup
	began := time.Now()
	for range connections {
		all.Go(func() {
			n, err := loadOne(ctx, addr, size, began.Add(span))
			if err != nil {
				cancel(err)
			}
			mu.Lock()
			answered += n
			mu.Unlock()
		})
	}
	all.Wait()
	return answered, time.Since(began), context.Cause(ctx)
}

func loadOne(ctx context.Context, addr string, size int, until time.Time) (answered int, err error) {
	request := fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n", size, benchHost)
	r := bufio.NewReaderSize(nil, 64<<10)
	var conn net.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for (answered == 0 || time.Now().Before(until)) && ctx.Err() == nil {
		if conn == nil {
			if conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr); err != nil {
				return answered, err
			}
			_ = conn.SetDeadline(until.Add(time.Minute)) // TCP always can
			r.Reset(conn)
		}
		if _, err := conn.Write(request); err != nil {
			return answered, err
		}
		last, err := readAnswer(r, size)
		if err != nil {
			return answered, err
		}
		answered++
		if last {
			_ = conn.Close()
			conn = nil
		}
	}
	return answered, nil
}

// readAnswer reads an answer, which has to be a good one of that size, and
// returns whether the connection ends with it.
func readAnswer(r *bufio.Reader, size int) (last bool, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return false, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return false, fmt.Errorf("answered %.100q", line)
	}
	length := -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return false, err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return false, err
			}
		case bytes.EqualFold(name, []byte("Connection")):
			last = bytes.EqualFold(value, []byte("close"))
		}
	}
	if length != size {
		return false, errors.New("the answer has another size")
	}
	_, err = r.Discard(length)
	return last, err
}
