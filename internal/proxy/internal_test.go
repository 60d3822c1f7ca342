package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// FuzzResolve feeds packets as they come from a network: whatever can be
// parsed gets an answer that can be sent, or is for somebody else.
func FuzzResolve(f *testing.F) {
	for _, name := range []string{"web.internal.", "web.", ".", "internal.", `a\.b.internal.`, `\000.internal.`, strings.Repeat("a.", 120)} {
		for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeOPT, 0, 65535} {
			q := new(dns.Msg).SetQuestion(name, kind)
			q.SetEdns0(0, true)
			if b, err := q.Pack(); err == nil {
				f.Add(b)
			}
		}
	}
	f.Add([]byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01")) // a name that points to itself
	names := map[string][]netip.Addr{"web": {netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}, "": nil}
	f.Fuzz(func(t *testing.T, packet []byte) {
		q := new(dns.Msg)
		if q.Unpack(packet) != nil || len(q.Question) != 1 {
			return
		}
		m := resolve(names, q)
		if m == nil {
			return
		}
		m.Compress = true
		m.Truncate(512)
		b, err := m.Pack()
		if err != nil || len(b) > 512 {
			t.Fatalf("%d bytes, %v: %v", len(b), err, m)
		}
		name := strings.ToLower(q.Question[0].Name)
		if ours := strings.TrimSuffix(name, ".") == "web" || name == "internal." || strings.HasSuffix(name, ".internal."); !ours {
			t.Fatalf("answered %q", name)
		}
	})
}

// FuzzFrames cuts a stream of frames at any place and compares what the
// follower thinks of it with the whole.
func FuzzFrames(f *testing.F) {
	frame := func(masked bool, payload int) []byte {
		b := []byte{0x82, 0}
		switch {
		case payload < 126:
			b[1] = byte(payload)
		case payload < 1<<16:
			b[1] = 126
			b = binary.BigEndian.AppendUint16(b, uint16(payload))
		default:
			b[1] = 127
			b = binary.BigEndian.AppendUint64(b, uint64(payload))
		}
		if masked {
			b[1] |= 0x80
			b = append(b, 1, 2, 3, 4)
		}
		return append(b, make([]byte, payload)...)
	}
	f.Add(uint32(0), uint32(5), false, uint16(1))
	f.Add(uint32(125), uint32(126), true, uint16(3))
	f.Add(uint32(65535), uint32(65536), false, uint16(4096))
	f.Fuzz(func(t *testing.T, first, second uint32, masked bool, chunk uint16) {
		a := frame(masked, int(first%(1<<17)))
		stream := append(bytes.Clone(a), frame(!masked, int(second%(1<<17)))...)
		var fr frames
		for at := 0; at < len(stream); {
			end := min(at+int(chunk)+1, len(stream))
			if n := fr.advance(stream[at:end], false); n != end-at {
				t.Fatalf("took %d of %d bytes", n, end-at)
			}
			at = end
			if want := at == len(a) || at == len(stream); fr.boundary() != want {
				t.Fatalf("boundary at %d of %d+%d: %v", at, len(a), len(stream)-len(a), fr.boundary())
			}
		}
		// From inside the first frame on, only the rest of it is taken.
		fr = frames{}
		inside := 1 + int(chunk)%(len(a)-1)
		fr.advance(stream[:inside], false)
		if n := fr.advance(stream[inside:], true); n != len(a)-inside || !fr.boundary() {
			t.Fatalf("took %d, want %d", n, len(a)-inside)
		}
	})
}

// FuzzCanonicalHost checks that a canonical host stays what it is.
func FuzzCanonicalHost(f *testing.F) {
	for _, h := range []string{"", "a", "A.b:80", "a.", "[::1]:80", "[::1", "::1", "a:b:c", ":80", "[]", strings.Repeat("a", 300), "İ.localhost"} {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, h string) {
		got := canonicalHost(h)
		if len(h) <= maxHost && len(got) > 2*maxHost || strings.HasPrefix(h, "[") && strings.HasPrefix(got, "[") && !strings.HasPrefix(h, "[[") {
			t.Fatalf("%q → %q", h, got)
		}
	})
}

func TestARetiredTargetTakesNothing(t *testing.T) {
	t.Parallel()
	tg := newTarget(Target{Addr: netip.MustParseAddrPort("127.0.0.1:1")})
	if !tg.acquire() {
		t.Fatal("a fresh target takes nothing")
	}
	tg.retire()
	if tg.acquire() {
		t.Error("it takes a request that nobody waits for")
	}
	if tg.finished() {
		t.Error("finished before its last request")
	}
	tg.release()
	if !tg.finished() {
		t.Error("not finished after its last request")
	}
}

func TestACloseFrameComesBetweenTwoFrames(t *testing.T) {
	t.Parallel()
	client, conn := net.Pipe()
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := &socket{Conn: conn, cancel: cancel, websocket: true}
	got := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(client)
		got <- b
	}()
	write := func(s string) {
		if n, err := c.Write([]byte(s)); n != len(s) || err != nil {
			t.Errorf("write %q: %d, %v", s, n, err)
		}
	}
	write("\x81\x05he")
	c.leave(50 * time.Millisecond)
	c.leave(time.Hour) // changes nothing
	write("ll")
	write("o\x81\x02no")
	write("\x81\x02no")
	<-ctx.Done() // the app is cut off after the grace
	conn.Close()
	if b := <-got; string(b) != "\x81\x05hello"+serviceRestart {
		t.Errorf("the client got %q", b)
	}
}

// A client that does not read for a while is not silent: what it is sent is
// under way, and a socket that is cut there gets no close frame any more.
func TestOnlyTheLastFarewellEndsAFrameUnderWay(t *testing.T) {
	t.Parallel()
	client, conn := net.Pipe()
	defer client.Close()
	if err := client.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &socket{Conn: conn, cancel: cancel, websocket: true}
	var open sockets
	open.add(c)
	silent := func() {
		c.last.Store(0)
		open.tell(nil, time.Second, time.Second)
	}
	read := func(want string) {
		t.Helper()
		b := make([]byte, len(want))
		if _, err := io.ReadFull(client, b); err != nil || string(b) != want {
			t.Errorf("the client got %q, %v, not %q", b, err, want)
		}
	}
	var written chan error
	write := func(s string) {
		done := make(chan error, 1)
		go func() { _, err := io.WriteString(c, s); done <- err }()
		written = done
	}

	write("\x81\x05hello")
	read("\x81\x05") // the rest is in a write that waits for the client
	silent()
	if c.leaving.Load() {
		t.Error("it is asked to leave in a write")
	}
	read("hello")
	if err := <-written; err != nil {
		t.Error(err)
	}
	write("\x81\x05he")
	read("\x81\x05he")
	if err := <-written; err != nil {
		t.Error(err)
	}
	silent()
	if c.leaving.Load() {
		t.Error("it is asked to leave in a frame")
	}
	go open.tell(nil, 0, time.Minute)
	for !c.leaving.Load() {
		runtime.Gosched()
	}
	write("llo")
	read("llo" + serviceRestart)
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func BenchmarkMatch(b *testing.B) {
	t := Table{Version: 1}
	for i := range 1000 {
		t.Routes = append(t.Routes, Route{Host: strings.Repeat("x", i%50+1) + string(rune('a'+i%26)) + ".localhost", Path: "/p" + strings.Repeat("y", i/26)})
	}
	t.Routes = append(t.Routes, Route{Host: "shop.localhost"}, Route{Host: "shop.localhost", Path: "/api"})
	c := compile(t, [32]byte{}, nil)
	b.ReportAllocs()
	for b.Loop() {
		if c.match("shop.localhost:8080", "/api/x") == nil {
			b.Fatal("no route")
		}
	}
}

func BenchmarkProxy(b *testing.B) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	defer backend.Close()
	s := newServer(Options{Log: slog.New(slog.DiscardHandler)})
	s.install(Table{Version: 1, Routes: []Route{{Host: "shop.localhost", Targets: []Target{{Addr: netip.MustParseAddrPort(backend.Listener.Addr().String())}}}}}, [32]byte{})
	r := httptest.NewRequest(http.MethodGet, "http://shop.localhost/", nil)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

// report is one that is read when whoever waits for it gives up.
type report struct {
	io.Reader

	read func()
}

func (r report) Read(p []byte) (int, error) {
	defer r.read()
	return r.Reader.Read(p)
}

func (report) Close() error { return nil }

// Its predecessor leaves: there would be none.
func TestAProxyThatHasReportedIsNotKilled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	kill := func() error {
		t.Error("it is killed")
		return nil
	}
	o := Spawn{LogFile: "proxy.log"}
	if err := o.hear(ctx, report{strings.NewReader("{\"data\":1}\n"), cancel}, kill); err != nil {
		t.Error(err)
	}
}

func TestTheSiteBeforeIsThereForAWhile(t *testing.T) {
	t.Parallel()

	at := time.Now()
	old := &route{Route: Route{Instance: "ins_1", Deployment: "dep_1", Bundle: &Bundle{Dir: "/s", ID: "1"}}}
	e := old.replaced(&route{Route: Route{Instance: "ins_1", Deployment: "dep_2", Bundle: &Bundle{Dir: "/s", ID: "2"}}}, at)
	for after, there := range map[time.Duration]bool{0: true, earlierFor - 1: true, earlierFor: false} {
		if ref := e.ref(at.Add(after)); (ref != nil) != there || there && ref.ID != "1" {
			t.Errorf("after %s it is %v", after, ref)
		}
	}
}
