package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// sent runs an operation and returns the variables that its server got.
func sent(t *testing.T, run func(ctx context.Context, c *client.Client) error) map[string]any {
	t.Helper()
	var got struct{ Variables map[string]any }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d := json.NewDecoder(r.Body)
		d.UseNumber()
		if err := d.Decode(&got); err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(`{"data":null,"errors":[{"message":"No.","extensions":{"code":"FORBIDDEN"}}]}`))
	}))
	defer srv.Close()
	c, err := client.New(srv.URL, "davit_test")
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), c); !fault.Is(err, fault.Forbidden) {
		t.Errorf("got %v, want the server's FORBIDDEN", err)
	}
	return got.Variables
}

func TestWhatIsNilInAnInputIsAbsentForTheServer(t *testing.T) {
	t.Parallel()

	id, from := "dep_1", time.Date(2026, 1, 31, 15, 4, 5, 6, time.UTC)
	for name, c := range map[string]struct {
		run  func(ctx context.Context, c *client.Client) error
		want map[string]any
	}{
		"the fields of an input": {
			func(ctx context.Context, c *client.Client) error {
				_, err := client.Deploy(ctx, c, client.DeployInput{ServiceInstanceId: "ins_1"})
				return err
			},
			map[string]any{"input": map[string]any{"serviceInstanceId": "ins_1", "skipBuildCache": false}},
		},
		"the others of a oneOf": {
			func(ctx context.Context, c *client.Client) error {
				_, err := client.Logs(ctx, c, client.LogSource{DeploymentId: &id}, client.LogQuery{From: &from, Limit: 7})
				return err
			},
			map[string]any{
				"source": map[string]any{"deploymentId": "dep_1"},
				"query":  map[string]any{"from": "2026-01-31T15:04:05.000000006Z", "limit": json.Number("7")},
			},
		},
		"a list with a default, in a list": {
			func(ctx context.Context, c *client.Client) error {
				_, err := client.SetVariables(ctx, c, client.SetVariablesInput{Variables: []client.VariableInput{{Name: "A"}}})
				return err
			},
			map[string]any{"input": map[string]any{
				"target": map[string]any{}, "replaceAll": false,
				"variables": []any{map[string]any{"name": "A", "value": "", "secret": false}},
			}},
		},
		"not a number of 64 bits": {
			func(ctx context.Context, c *client.Client) error {
				_, err := client.CreateUpload(ctx, c, client.CreateUploadInput{SizeBytes: math.MaxInt64 - 1})
				return err
			},
			map[string]any{"input": map[string]any{"serviceId": "", "filename": "", "sha256": "", "sizeBytes": json.Number("9223372036854775806")}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if diff := cmp.Diff(c.want, sent(t, c.run)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARequestThatWasCutOffIsSentAgainUnderItsKey(t *testing.T) {
	t.Parallel()

	var mu sync.Mutex // each connection has a goroutine of its own
	var keys []string
	waits := make(chan bool, 8)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		switch len(keys) {
		case 2: // the answer is cut off
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"data":`))
			panic(http.ErrAbortHandler)
		case 3:
			http.Error(w, "Bad Gateway", http.StatusBadGateway)
		default:
			_, _ = w.Write([]byte(`{"data":{"deploy":{"deployment":{"id":"dep_1"}}}}`))
		}
	}))
	defer srv.Close()
	c, err := client.New(srv.URL, "davit_test")
	if err != nil {
		t.Fatal(err)
	}
	c.Waits = func(on bool) { waits <- on }
	for range 2 {
		out, err := client.Deploy(t.Context(), c, client.DeployInput{ServiceInstanceId: "ins_1"})
		if err != nil || out.Deploy.Deployment.Id != "dep_1" {
			t.Fatalf("got %v, %v", out, err)
		}
	}
	if len(keys) != 4 || keys[0] == keys[1] || keys[1] != keys[2] || keys[2] != keys[3] || keys[0] == "" {
		t.Errorf("sent under the keys %q, want one for the first and another for all attempts of the second", keys)
	}
	close(waits)
	var said []bool
	for on := range waits {
		said = append(said, on)
	}
	if diff := cmp.Diff([]bool{true, false}, said); diff != "" {
		t.Error(diff)
	}
}

func TestAServerThatNeverAnsweredIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()

	c, err := client.New("http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Platform(t.Context(), c); !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v, want UNAVAILABLE", err)
	}
}

func TestAnAnswerWithoutDataOrErrorsIsNone(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		status int
		body   string
	}{{401, `{}`}, {429, `{"message":"slow down"}`}, {404, `{"data":{}}`}, {200, `{"data":null}`}, {200, `{}`}} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		defer srv.Close()
		cl, err := client.New(srv.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Platform(t.Context(), cl); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%d %s: got %v, want UNAVAILABLE", c.status, c.body, err)
		}
	}
}

func TestWhoEndsHimselfDoesNotWaitForTheServer(t *testing.T) {
	t.Parallel()

	ctx, end := context.WithCancel(t.Context())
	defer end()
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 2 {
			end()
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(`{"data":{"platform":{}}}`))
	}))
	defer srv.Close()
	c, err := client.New(srv.URL, "davit_test")
	if err != nil {
		t.Fatal(err)
	}
	c.Waits = func(on bool) { t.Errorf("waits: %v", on) }
	if _, err := client.Platform(ctx, c); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Platform(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the end of the context", err)
	}
}
