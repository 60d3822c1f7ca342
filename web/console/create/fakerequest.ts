// An upload that ends when a test says so. For tests.
import { vi } from 'vitest';

// fakeRequests puts requests in place of the browser's, and returns those that
// were sent.
export function fakeRequests() {
  const sent: FakeRequest[] = [];
  class FakeRequest {
    upload: { onprogress?: (event: { loaded: number }) => void } = {};
    onload?: () => void;
    onabort?: () => void;
    status = 0;
    responseText = '';
    url = '';
    aborted = false;
    open(_: string, url: string) { this.url = url; }
    send() { sent.push(this); }
    abort() {
      this.aborted = true;
      this.onabort?.();
    }
    answer(status: number, text = '') {
      Object.assign(this, { status, responseText: text });
      this.onload?.();
    }
  }
  vi.stubGlobal('XMLHttpRequest', FakeRequest);
  return sent;
}
