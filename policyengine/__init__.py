"""guiju: rules on AI services written once as policies, judged on configurations and event traces."""

__version__ = "0.1.0"
