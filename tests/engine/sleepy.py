"""A stage that a test starts in a process of its own: workers that say what they do, and errors of every kind."""
import os
import sys
import time

from sediff import __main__ as command
from sediff.engine import pool
from sediff.errors import BadData, BadInput, Temporary
from sediff.formats.atomic import write_text


def work(task, send):
    """Write a file every 0.02 s for 20 s."""
    for number in range(1000):
        write_text(f'{task}.txt', f'{number}\n' * 2000)
        send((number,))
        time.sleep(0.02)


def listen(task, event):
    print(f'task {task} is at {event[0]}', flush=True)


def run_argv(argv):
    """The stage: what its first word says."""
    errors = {'key': KeyError('AIRMASS'), 'type': TypeError('None'), 'memory': MemoryError(), 'data': BadData('no sky'),
              'input': BadInput('no file'), 'busy': Temporary('lock'),
              'full': OSError(28, 'No space left on device', '/x/y'),
              'absent': FileNotFoundError(2, 'No such file', '/x/y'), 'closed': BrokenPipeError(32, 'Broken pipe'),
              'unicode': UnicodeDecodeError('utf-8', b'\xff', 0, 1, 'bad'), 'recursion': RecursionError('too deep'),
              'denied': PermissionError(13, 'Permission denied', '/x/y'),
              'long': OSError(36, 'File name too long', 'x' * 300),
              'limit': OSError(27, 'File too large', '/x/y'), 'readonly': OSError(30, 'Read-only file system', '/x/y')}
    if argv[0] in errors:
        raise errors[argv[0]]
    if argv[0] == 'wrapped':
        try:
            print('is at 3', flush=True)
            time.sleep(20)
        except KeyboardInterrupt as error:
            raise RuntimeError('Error calling __set_name__') from error
    if argv[0] == 'lines':
        for number in range(20000):
            print(number)
            if number == 10000:
                time.sleep(0.3)
        write_text('end.txt', 'reached\n')
        return 0
    outcomes = pool.run_pool(work, ['one', 'two'], int(argv[1]), listen)
    for outcome in outcomes:
        print(outcome.code, outcome.message, file=sys.stderr)
    return int(any(outcome.code for outcome in outcomes))


if __name__ == '__main__':
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    command.STAGES['sleepy'] = ('sleepy', 'for tests')
    sys.exit(command.main(['sleepy', *sys.argv[1:]]))
