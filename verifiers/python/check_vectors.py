"""Runs lattice_verify.py over files of test/vectors/forged: all of "good" must hold, and nothing of "forged".

  check_vectors.py FILE...

Prints one line of JSON: how many documents were accepted and refused, and the names of those that were judged wrong.
"""
import base64, json, sys
import lattice_verify

def holds(kind, entry, trusted):
    raw = base64.b64decode(entry['base64']) if 'base64' in entry else entry['text'].encode()
    trusted = entry.get('trusted', trusted)
    pinned = type(trusted) is dict
    keys = bytes.fromhex(trusted['roster']) if pinned else {bytes.fromhex(key) for key in trusted}
    try:
        lattice_verify.verify(kind, raw, keys, entry['asked'])
        return True, 'accepted'
    except Exception as error:
        return False, repr(error)

def main(files):
    count, wrong, why = {'accepted': 0, 'refused': 0}, [], {}
    for file in files:
        with open(file, encoding='utf-8') as opened: corpus = json.load(opened)
        for expected, entries in ((True, corpus['good']), (False, corpus['forged'])):
            for entry in entries:
                held, reason = holds(corpus['kind'], entry, corpus['trusted'])
                count['accepted' if held else 'refused'] += 1
                why[f"{file.rpartition('/')[2]}: {entry['name']}"] = reason
                if held != expected: wrong.append(f"{file}: {entry['name']}: {reason}")
    print(json.dumps({**count, 'wrong': wrong, **({'why': why} if '--why' in sys.argv else {})}))
    return 1 if wrong else 0

if __name__ == '__main__': sys.exit(main([file for file in sys.argv[1:] if file != '--why']))
