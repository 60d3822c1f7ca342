package logs

import (
	"container/list"
	"sync"
)

// pool keeps a bounded number of things open. What is in use stays open; of
// the rest the least recently used ones are closed. It is safe for concurrent
// use.
type pool[K comparable, V any] struct {
	max   int
	open  func(K) (V, error)
	close func(V)

	mu    sync.Mutex
	items map[K]*pooled[K, V]
	order *list.List // of *pooled, most recently used first
}

type pooled[K comparable, V any] struct {
	key   K
	once  sync.Once
	value V
	err   error
	users int
	place *list.Element // nil once the pool has let go of it
}

func newPool[K comparable, V any](maxOpen int, open func(K) (V, error), closeValue func(V)) *pool[K, V] {
	return &pool[K, V]{max: maxOpen, open: open, close: closeValue, items: map[K]*pooled[K, V]{}, order: list.New()}
}

// use calls fn with what k opens. The value is fn's until it returns.
func (p *pool[K, V]) use(k K, fn func(V) error) error {
	it := p.acquire(k)
	defer p.release(it)
	it.once.Do(func() { it.value, it.err = p.open(k) })
	if it.err != nil {
		return it.err
	}
	return fn(it.value)
}

// forget closes what k opened, at the latest when its last user is done.
func (p *pool[K, V]) forget(k K) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if it, ok := p.items[k]; ok {
		p.drop(it)
	}
}

// forgetAll closes everything.
func (p *pool[K, V]) forgetAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, it := range p.items {
		p.drop(it)
	}
}

func (p *pool[K, V]) acquire(k K) *pooled[K, V] {
	p.mu.Lock()
	defer p.mu.Unlock()
	it, ok := p.items[k]
	if !ok {
		it = &pooled[K, V]{key: k}
		it.place = p.order.PushFront(it)
		p.items[k] = it
	} else {
		p.order.MoveToFront(it.place)
	}
	it.users++
	return it
}

func (p *pool[K, V]) release(it *pooled[K, V]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	it.users--
	if it.place == nil {
		p.finish(it)
		return
	}
	if it.err != nil { // the next user tries again
		p.drop(it)
		return
	}
	for e := p.order.Back(); e != nil && p.order.Len() > p.max; {
		old, _ := e.Value.(*pooled[K, V])
		e = e.Prev()
		if old.users == 0 {
			p.drop(old)
		}
	}
}

// drop lets go of it. The caller holds mu.
func (p *pool[K, V]) drop(it *pooled[K, V]) {
	delete(p.items, it.key)
	p.order.Remove(it.place)
	it.place = nil
	p.finish(it)
}

func (p *pool[K, V]) finish(it *pooled[K, V]) {
	if it.users == 0 && it.err == nil {
		p.close(it.value)
	}
}
