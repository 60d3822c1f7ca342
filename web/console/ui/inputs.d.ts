import 'react';

declare module 'react' {
  interface InputHTMLAttributes<T> {
    // a folder instead of a file, in every browser by this name
    webkitdirectory?: T extends HTMLInputElement ? string : never;
  }
}
