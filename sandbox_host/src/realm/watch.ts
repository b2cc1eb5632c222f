/**
 * Notices when a script reaches for JavaScript. What Python does by itself changes only the
 * interpreter's memory and its file system, which can be put back as they were; what it does with
 * JavaScript objects can't be, so that everything not named here counts as touching them.
 */

import type { Capabilities } from "./host.js";

type Import = ((...args: unknown[]) => unknown) & { readonly sig?: string };

const { apply } = Reflect;

/** Imports of the interpreter that change nothing of JavaScript's but what `reset.ts` restores. */
const HARMLESS = new Set(
  `
  JsProxy_compute_typeflags JsvArray_Get JsvArray_New JsvArray_Push JsvAsyncGenerator_Check
  JsvError_Check
  JsvFunction_Check JsvGenerator_Check JsvNoValue_Check JsvNum_fromDouble JsvNum_fromInt
  JsvPromise_Check JsvUTF8ToString Jsv_GetError_import _PyEM_TrampolineCall_JS
  _Py_CheckEmscriptenSignals_Helper _Py_emscripten_runtime __hiwire_deduplicate_delete
  __hiwire_deduplicate_get __hiwire_deduplicate_set destroy_proxies is_comlink_proxy js2python_js
  pyproxy_Check

  __syscall_chdir __syscall_chmod __syscall_dup __syscall_dup3 __syscall_faccessat
  __syscall_fadvise64 __syscall_fallocate __syscall_fchdir __syscall_fchmod __syscall_fchmodat2
  __syscall_fchown32 __syscall_fchownat __syscall_fcntl64 __syscall_fdatasync __syscall_fstat64
  __syscall_fstatfs64 __syscall_ftruncate64 __syscall_getcwd __syscall_getdents64
  __syscall_getuid32_js __syscall_ioctl __syscall_lstat64 __syscall_mkdirat __syscall_newfstatat
  __syscall_openat __syscall_pipe __syscall_poll __syscall_readlinkat __syscall_renameat
  __syscall_rmdir __syscall_stat64 __syscall_statfs64 __syscall_symlinkat __syscall_truncate64
  __syscall_umask_js __syscall_unlinkat __syscall_utimensat _try_fcntl64 _mmap_js _msync_js
  _munmap_js fd_close fd_fdstat_get fd_pread fd_pwrite fd_read fd_seek fd_sync fd_write

  _gmtime_js _localtime_js _mktime_js _timegm_js clock_res_get clock_time_get emscripten_date_now
  emscripten_get_now emscripten_resize_heap environ_get environ_sizes_get getentropy random_get
`
    .split(/\s+/)
    .filter((name) => name !== ""),
);

export interface Watch {
  /** Whether JavaScript was touched since `forget`. */
  readonly touched: () => boolean;
  readonly forget: () => void;
  /** Using these is no touching. */
  readonly trust: (host: Capabilities) => void;
  /** Puts Pyodide's table of JavaScript objects that Python holds back to what it is now. */
  readonly keepTables: () => () => void;
}

/** Changes the imports in place, before the interpreter gets them. */
export function watchImports(env: Record<string, unknown>): Watch {
  const trusted = new Set<unknown>();
  const tables: Map<unknown, unknown>[] = [];
  let touched = false;
  const passes = (name: string, subject: unknown): boolean =>
    (name === "JsProxy_GetAttr_js" || name === "JsvFunction_CallBound") && trusted.has(subject);

  for (const [name, value] of Object.entries(env)) {
    if (typeof value !== "function" || HARMLESS.has(name)) {
      continue;
    }
    const call = value as Import;
    const watched = (...args: unknown[]): unknown => {
      touched ||= !passes(name, args[0]);
      const result = apply(call, undefined, args);
      if (name === "__hiwire_deduplicate_new") {
        tables.push(result as Map<unknown, unknown>);
      }
      return result;
    };
    env[name] = Object.assign(watched, call);
  }
  return {
    touched: () => touched,
    forget: () => {
      touched = false;
    },
    trust: (host) => {
      trusted.add(host);
      for (const call of Object.values(host as object) as unknown[]) {
        trusted.add(call);
      }
    },
    keepTables: () => {
      const kept = tables.map((table) => [...table]);
      return () => {
        tables.forEach((table, index) => {
          table.clear();
          for (const [object, reference] of kept[index] ?? []) {
            table.set(object, reference);
          }
        });
      };
    },
  };
}
