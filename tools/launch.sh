# Sourced by ./picloud and ./pic, which set $root: finds a Python and hands over to the set-up.

launch() {
    program=$1
    shift
    if [ -x "$root/.venv/bin/python" ]; then
        python=$root/.venv/bin/python
    else
        find_python
    fi
    exec "$python" -I "$root/server/picloud/setup/__main__.py" "$program" "$@"
}

find_python() {
    old='' without_venv=''
    for python in python3 python3.15 python3.14 python3.13 python3.12 python3.11 \
        /usr/bin/python3 /usr/local/bin/python3; do
        command -v "$python" >/dev/null 2>&1 || continue
        state=$("$python" -I -c '
import sys
version = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    print("old " + version)
else:
    try:
        import ensurepip, venv
        print("good")
    except ImportError:
        print("without_venv " + version)
' 2>/dev/null) || continue
        case $state in
            good) return ;;
            old*) [ -n "$old" ] || old=${state#old } ;;
            without_venv*) [ -n "$without_venv" ] || without_venv=${state#without_venv } ;;
        esac
    done
    if [ -n "$without_venv" ]; then
        give_up "Python $without_venv has no venv module: install it (Debian and Ubuntu: python3-venv)."
    elif [ -n "$old" ]; then
        give_up "PiCloud needs Python 3.11 or newer, and this machine has Python $old."
    fi
    give_up "PiCloud needs Python 3.11 or newer, and none was found."
}

give_up() {
    printf '%s\n' "$1" >&2
    exit 2
}
