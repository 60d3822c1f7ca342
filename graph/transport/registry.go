package transport

import "github.com/davitdev/davit/internal/fault"

// add registers op. It is refused where the socket has no room for it, and the
// socket closed where its id is taken.
func (s *socket) add(op *operation) (refused *fault.Error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.transport.Limits.Operations
	switch {
	case s.operations[op.id] != nil:
		return nil, closef(closeIDTaken, "Subscriber for %s already exists", op.id)
	case s.drained != nil:
		return restarting(), nil
	case s.running >= limit:
		return fault.New(fault.TooManyRequests, "This socket already runs %d operations; complete one first.", limit), nil
	}
	s.operations[op.id] = op
	op.counted, op.single = true, true
	s.running++
	s.singles++
	return nil, nil
}

// remove takes op, which is over, from those the client waits for and reports
// whether it was among them. From then on its id and its place are free, so
// that a client told so can use them at once.
func (s *socket) remove(op *operation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op.counted {
		op.counted = false
		s.running--
	}
	if s.operations[op.id] != op {
		return false
	}
	delete(s.operations, op.id)
	return true
}

// cancel ends the operation id at the client's wish, if there is one. Its
// place is taken until its goroutine ends.
func (s *socket) cancel(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op := s.operations[id]; op != nil {
		delete(s.operations, id)
		op.cancel()
	}
}

// settle notes that a restart need not wait for op: it is a subscription, or
// its result is out.
func (s *socket) settle(op *operation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !op.single {
		return
	}
	op.single = false
	if s.singles--; s.singles == 0 && s.drained != nil {
		close(s.drained)
	}
}

// done forgets op altogether.
func (s *socket) done(op *operation) {
	s.remove(op)
	op.cancel()
	s.settle(op)
	s.helpers.Done()
}
