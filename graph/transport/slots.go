package transport

import "github.com/davitdev/davit/internal/fault"

// slots counts the sockets of each principal and each address. It is not safe
// for concurrent use.
type slots struct {
	principals, addresses map[string]int
}

// take makes room for one more socket, or says that there is none.
func (s *slots) take(l Limits, principal, address string) *fault.Error {
	if s.addresses == nil {
		s.principals, s.addresses = map[string]int{}, map[string]int{}
	}
	if s.addresses[address] >= l.PerAddress {
		return fault.New(fault.TooManyRequests, "There are already %d sockets from this address; close one first.", l.PerAddress)
	}
	if err := s.takePrincipal(l, principal); err != nil {
		return err
	}
	s.addresses[address]++
	return nil
}

// takePrincipal counts a socket whose principal is known by now. "" is nobody
// and not counted.
func (s *slots) takePrincipal(l Limits, principal string) *fault.Error {
	if principal == "" {
		return nil
	}
	if s.principals[principal] >= l.PerPrincipal {
		return fault.New(fault.TooManyRequests, "You already have %d sockets; close one first.", l.PerPrincipal)
	}
	s.principals[principal]++
	return nil
}

func (s *slots) free(principal, address string) {
	s.freePrincipal(principal)
	release(s.addresses, address)
}

func (s *slots) freePrincipal(principal string) {
	if principal != "" {
		release(s.principals, principal)
	}
}

// release takes one from m[key], and key with the last one.
func release(m map[string]int, key string) {
	if m[key]--; m[key] <= 0 {
		delete(m, key)
	}
}
