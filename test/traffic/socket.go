package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// A websocket talks all the time, or is silent for most of it.
const (
	talking = 100 * time.Millisecond
	silent  = 1500 * time.Millisecond
)

// deploymentHeader is how the proxy says whose answer it is.
const deploymentHeader = "X-Davit-Deployment"

// websocket has its messages echoed until it is asked to come back: then
// somebody else must serve.
func (t *Traffic) websocket(ctx context.Context, client *http.Client, c call) error {
	header := http.Header{"X-Number": {fmt.Sprint(c.number)}}
	conn, res, err := websocket.Dial(ctx, "http://"+t.o.Addr+"/ws", &websocket.DialOptions{HTTPClient: client, Host: t.o.Host, HTTPHeader: header}) //nolint:bodyclose // Dial's answer has none
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	if err := t.answered(c, res, http.StatusSwitchingProtocols); err != nil {
		return err
	}
	pause := talking
	if c.number%2 == 0 {
		pause = silent
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for n := 1; ; n++ {
		said := fmt.Sprintf("message %d of %d", n, c.number)
		err := conn.Write(ctx, websocket.MessageText, []byte(said))
		heard := []byte(said)
		if err == nil || websocket.CloseStatus(err) == -1 { // why it cannot write, it reads
			_, heard, err = conn.Read(ctx)
		}
		if err != nil {
			return t.returns(ctx, client, c, res.Header.Get(deploymentHeader), err)
		}
		if string(heard) != said {
			return wrongf("it echoes %.50q, want %q", heard, said)
		}
		select {
		case <-tick.C:
			continue
		case <-c.stopped:
		}
		if err := conn.Close(websocket.StatusNormalClosure, ""); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
			return err
		}
		return nil // both said it at once
	}
}

// returns checks how a websocket ended: with the wish that it come back, at a
// time when the application serves.
func (t *Traffic) returns(ctx context.Context, client *http.Client, c call, from string, err error) error {
	if websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		return err
	}
	req, rerr := t.request(ctx, c, http.MethodGet, "/")
	if rerr != nil {
		return rerr
	}
	rerr = t.send(client, c, req, func(res *http.Response) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		if res.Header.Get(deploymentHeader) == from {
			t.report.Same++
		} else {
			t.report.Returned++
		}
		return nil
	})
	if rerr != nil {
		return errors.Join(errors.New("it was asked to come back before anybody serves"), rerr)
	}
	return nil
}
