package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/snappy"
)

// lokiFlags let Loki take lines as fast as it can, where its defaults let a
// tenant and a stream have a few MB a second.
var lokiFlags = []string{
	"-distributor.ingestion-rate-limit-mb=100000", "-distributor.ingestion-burst-size-mb=100000",
	"-ingester.per-stream-rate-limit=100GB", "-ingester.per-stream-rate-limit-burst=100GB",
}

// loki is a Loki of our own, with its files.
type loki struct {
	*program
	began time.Time
	stamp int64 // of the last line
}

// startLoki starts the Loki that test/services loki has built, with the tests'
// configuration and an encoding of its chunks.
func startLoki(ctx context.Context, encoding string) (*loki, error) {
	path := filepath.Join(filepath.Dir(os.Getenv("TEST_GIT_ROOT")), "bin", "loki")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: no Loki was built; test/services loki does that: %w", errMissing, err)
	}
	config, err := os.ReadFile(filepath.Join("test", "loki", "config.yml"))
	if err != nil {
		return nil, err
	}
	p, err := startProgram(ctx, func(p *program) error {
		p.ready = "ready"
		text := strings.NewReplacer("@DIR@", p.dir, "@PORT@", portOf(p.addr)).Replace(string(config))
		file, err := p.file("config.yml", "%s", text)
		if err != nil {
			return err
		}
		return p.start(ctx, path, append([]string{"-config.file=" + file, "-ingester.chunk-encoding=" + encoding}, lokiFlags...)...)
	})
	return &loki{program: p, began: time.Now()}, err
}

// pushBytes is how much a push has, which is what Loki's own clients send at
// once.
const pushBytes = 1 << 20

// ingest pushes lines as Loki's clients do, and has it write all it holds.
func (k *loki) ingest(ctx context.Context, c *crop) error {
	k.stamp = max(k.stamp, time.Now().UnixNano())
	var entries []byte
	for n := range c.lines {
		k.stamp++
		entries = appendEntry(entries, k.stamp, c.line(n))
		if len(entries) >= pushBytes || n == len(c.lines)-1 {
			if err := k.push(ctx, fmt.Sprintf(`{job="bench", turn="%d"}`, c.turn), entries); err != nil {
				return err
			}
			entries = entries[:0]
		}
	}
	if _, err := k.ask(ctx, http.MethodPost, "/flush", nil, nil); err != nil {
		return err
	}
	return k.rest(ctx)
}

// rest waits until it has worked nothing for half a second: what it does for
// lines it does after it has taken them.
func (k *loki) rest(ctx context.Context) error {
	for used, calm := k.cpu(), 0; calm < 5; {
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		calm++
		if now := k.cpu(); now > used+tick {
			used, calm = now, 0
		}
	}
	return nil
}

// appendEntry appends an entry of logproto.StreamAdapter: a timestamp and a line.
func appendEntry(b []byte, nano int64, line []byte) []byte {
	var stamp []byte
	stamp = binary.AppendUvarint(append(stamp, 1<<3), uint64(nano/1e9))
	stamp = binary.AppendUvarint(append(stamp, 2<<3), uint64(nano%1e9))
	entry := appendField(nil, 1, stamp)
	return appendField(b, 2, appendField(entry, 2, line))
}

// appendField appends a field of bytes as protobuf has it.
func appendField(b []byte, number byte, value []byte) []byte {
	b = binary.AppendUvarint(append(b, number<<3|2), uint64(len(value)))
	return append(b, value...)
}

// push sends entries of one stream.
func (k *loki) push(ctx context.Context, labels string, entries []byte) error {
	request := appendField(nil, 1, append(appendField(nil, 1, []byte(labels)), entries...))
	_, err := k.ask(ctx, http.MethodPost, "/loki/api/v1/push", nil, snappy.Encode(nil, request))
	return err
}

// search asks for all lines since the start.
func (k *loki) search(ctx context.Context, text string) (int, error) {
	answer, err := k.ask(ctx, http.MethodGet, "/loki/api/v1/query_range", url.Values{
		"query": {fmt.Sprintf("{job=%q} |= %q", "bench", text)}, "limit": {"1000"},
		"start": {strconv.FormatInt(k.began.UnixNano(), 10)}, "end": {strconv.FormatInt(max(k.stamp, time.Now().UnixNano())+1, 10)},
	}, nil)
	if err != nil {
		return 0, err
	}
	var found struct {
		Data struct {
			Result []struct{ Values []json.RawMessage }
		}
	}
	if err := json.Unmarshal(answer, &found); err != nil {
		return 0, err
	}
	n := 0
	for _, stream := range found.Data.Result {
		n += len(stream.Values)
	}
	return n, nil
}

func (k *loki) ask(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+k.addr+path+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("loki answered %d to %s: %s", res.StatusCode, path, ending(answer))
	}
	return answer, err
}

// disk is what its chunks take, without its index.
func (k *loki) disk() (int64, error) {
	all, err := diskUse(filepath.Join(k.dir, "chunks"), "")
	if err != nil {
		return 0, err
	}
	index, err := diskUse(filepath.Join(k.dir, "chunks", "index"), "")
	if errors.Is(err, os.ErrNotExist) {
		index, err = 0, nil
	}
	return all - index, err
}

func (k *loki) close(context.Context) error { return k.program.close() }
