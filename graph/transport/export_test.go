package transport

// Held is what t keeps of clients: sockets, principals and addresses.
func (t *WebSocket) Held() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sockets) + len(t.slots.principals) + len(t.slots.addresses)
}
