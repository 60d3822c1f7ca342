// Package wake tells the rest of an installation that something changed.
//
// A wake carries a topic, which is an id, and no data: whoever is woken reads
// the rows. Wakes may therefore come doubled, merged or without a change, and
// a subscriber that subscribes first and reads afterwards misses nothing.
//
// A Hub wakes inside one process. A Bus is a Hub joined to those of other
// processes over Redis.
package wake

import (
	"context"
	"sync"
)

// Publisher is all that a verb needs: it says what changed.
type Publisher interface {
	// Publish wakes the subscribers of the topics. It never blocks and never
	// fails. A topic is an id; it holds no newline.
	Publish(topics ...string)
}

// Subscriber is all that a reader needs.
type Subscriber interface {
	// Subscribe returns a channel that receives a value after something was
	// published on one of the topics. What is published while one value waits
	// is merged into it. The subscription is freed when ctx ends; the channel
	// is never closed.
	Subscribe(ctx context.Context, topics ...string) <-chan struct{}
}

// PublishSubscriber is both ends.
type PublishSubscriber interface {
	Publisher
	Subscriber
}

// Hub wakes subscribers inside one process. The zero value is ready to use,
// by any number of goroutines.
type Hub struct {
	mu   sync.RWMutex
	subs map[string]map[chan struct{}]struct{} // by topic
}

var _ PublishSubscriber = (*Hub)(nil)

// Publish wakes the subscribers of the topics.
func (h *Hub) Publish(topics ...string) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, topic := range topics {
		for ch := range h.subs[topic] {
			wake(ch)
		}
	}
}

// publishAll wakes every subscriber, because nobody knows what was missed.
func (h *Hub) publishAll() {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, chans := range h.subs {
		for ch := range chans {
			wake(ch)
		}
	}
}

// Subscribe returns a channel that is woken by any of the topics until ctx
// ends.
func (h *Hub) Subscribe(ctx context.Context, topics ...string) <-chan struct{} {
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	if h.subs == nil {
		h.subs = map[string]map[chan struct{}]struct{}{}
	}
	for _, topic := range topics {
		if h.subs[topic] == nil {
			h.subs[topic] = map[chan struct{}]struct{}{}
		}
		h.subs[topic][ch] = struct{}{}
	}
	h.mu.Unlock()
	context.AfterFunc(ctx, func() { h.unsubscribe(ch, topics) })
	return ch
}

func (h *Hub) unsubscribe(ch chan struct{}, topics []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, topic := range topics {
		delete(h.subs[topic], ch)
		if len(h.subs[topic]) == 0 {
			delete(h.subs, topic)
		}
	}
}

// wake leaves one value in ch; one that already waits stands for both.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
